package transport

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// WebSocket dials hubs on the network. The zero value verifies the hub against the system's roots
// and sends no certificate.
type WebSocket struct {
	// TLS is the base of the settings for wss: root pool, server name, session cache. The minimum is
	// TLS 1.2, the only application protocol HTTP/1.1. Only InsecureSkipVerify disables verification.
	// Nil means the system's roots.
	TLS *tls.Config
	// Certificate returns the client's certificate for every handshake in which the hub asks for one.
	// It is sent for all issuers that the hub names, because NervesHub cannot list every
	// organisation's CA. Nil means the certificates of TLS.
	Certificate func() (*tls.Certificate, error)
	// Time is the clock for the validity of certificates, for devices whose system clock can be wrong.
	// Nil means time.Now.
	Time func() time.Time
	// UserAgent names the program. "" means the name of the standard library.
	UserAgent string
	// NetDial returns the byte stream to host:port of the hub or its proxy. It resolves names itself,
	// within the sum of the two timeouts. Nil means to resolve the name and race the addresses.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Proxy returns the URL of the proxy for a target, whose scheme is http or https here; CheckProxy
	// names the kinds. The user information of the URL is sent as credentials, unencrypted to an http
	// proxy. A nil Proxy or URL means no proxy.
	Proxy func(target *url.URL) (*url.URL, error)
	// followed in one dial, never from TLS to plain and with Request.Header to the same origin only;
	// zero: 2, negative: none
	Redirects int
	Compress  Compression // the offer; zero means none
	Timeouts  Timeouts
	Limits    Limits
}

// Timeouts bound the phases of a dial. The zero value of a field means the value in its comment.
type Timeouts struct {
	Resolve time.Duration // 5 s
	Connect time.Duration // 10 s
	Proxy   time.Duration // for the exchange with a connected proxy; 10 s
	TLS     time.Duration // 10 s
	Upgrade time.Duration // 10 s
}

// refusalTime is the longest wait for the body of a refusal, whose status is enough.
const refusalTime = 2 * time.Second

// dial makes one attempt, without redirects.
func (d *WebSocket) dial(ctx context.Context, t *target) (Conn, error) {
	nc, err := d.connect(ctx, t)
	if err != nil {
		return nil, err
	}
	if t.secure {
		if nc, err = d.handshake(ctx, nc, t); err != nil {
			return nil, err
		}
	}
	a, err := d.upgrade(ctx, nc, t)
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return NewDeflateConn(nc, RoleClient, d.Limits, a.early, a.deflate), nil
}

// handshake starts TLS on nc. It closes nc after an error.
func (d *WebSocket) handshake(ctx context.Context, nc net.Conn, t *target) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(d.Timeouts.TLS, 10*time.Second))
	defer cancel()
	tc := tls.Client(nc, d.tlsConfig(t))
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, t.fail(PhaseTLS, err)
	}
	return tc, nil
}

func (d *WebSocket) tlsConfig(t *target) *tls.Config {
	c := &tls.Config{} //nolint:gosec // the version is set below
	if d.TLS != nil {
		c = d.TLS.Clone()
	}
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	c.NextProtos = []string{"http/1.1"}  // else the hub selects h2
	c.DynamicRecordSizingDisabled = true // else a message becomes several records and Writes
	if c.ServerName == "" || t.moved {
		c.ServerName = t.host
	}
	if d.Time != nil {
		c.Time = d.Time
	}
	if d.Certificate != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return clientCertificate(d.Certificate)
		}
	}
	return c
}

// clientCertificate calls d.Certificate. An empty certificate means none to crypto/tls.
func clientCertificate(from func() (*tls.Certificate, error)) (*tls.Certificate, error) {
	cert, err := from()
	if err != nil {
		return nil, &ownCertificateError{err}
	}
	if cert == nil {
		cert = &tls.Certificate{}
	}
	return cert, nil
}

// upgraded is the result of an accepted request.
type upgraded struct {
	early   []byte   // bytes after the answer
	deflate *Deflate // nil means no compression
}

// upgrade sends the request and reads the answer.
func (d *WebSocket) upgrade(ctx context.Context, nc net.Conn, t *target) (a upgraded, err error) {
	_ = nc.SetDeadline(time.Now().Add(cmp.Or(d.Timeouts.Upgrade, 10*time.Second)))
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	a, err = d.exchange(nc, t)
	if !stop() {
		return a, t.fail(PhaseUpgrade, context.Cause(ctx))
	}
	var refused *RefusedError
	switch {
	case errors.As(err, &refused):
		return a, err
	case err != nil:
		return a, t.fail(PhaseUpgrade, err)
	}
	return a, nc.SetDeadline(time.Time{})
}

func (d *WebSocket) exchange(nc net.Conn, t *target) (a upgraded, err error) {
	nonce := newNonce()
	req := t.request(nonce, d.Compress)
	if d.UserAgent != "" {
		req.Header.Set("User-Agent", d.UserAgent)
	}
	var b bytes.Buffer
	if err := req.Write(&b); err != nil {
		return a, err
	}
	if _, err := nc.Write(b.Bytes()); err != nil {
		return a, err
	}
	budget := &io.LimitedReader{R: nc, N: int64(d.Limits.orDefault().HandshakeBytes)}
	br := bufio.NewReader(budget)
	resp, err := readAnswer(br, req)
	switch {
	case err != nil && budget.N <= 0:
		return a, fmt.Errorf(
			"%w: answer is longer than %d bytes",
			ErrNotWebSocket,
			d.Limits.orDefault().HandshakeBytes,
		)
	case err != nil:
		return a, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusSwitchingProtocols {
		_ = nc.SetReadDeadline(time.Now().Add(refusalTime))
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusalBody)) // the part that arrived
		return a, newRefusal(t.addr, resp.StatusCode, resp.Header, body)
	}
	if err := checkAnswer(resp, nonce); err != nil {
		return a, err
	}
	if a.deflate, err = d.Compress.confirm(resp.Header); err != nil {
		return a, err
	}
	a.early, err = br.Peek(br.Buffered())
	return a, err
}

// readAnswer skips informational answers (RFC 9110 section 15.2) within the limit of
// HandshakeBytes.
func readAnswer(br *bufio.Reader, req *http.Request) (*http.Response, error) {
	for {
		resp, err := http.ReadResponse(br, req)
		if err != nil {
			return nil, notHTTP(err)
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, nil
		}
	}
}

// notHTTP separates an answer that is not HTTP from a failed stream.
func notHTTP(err error) error {
	var ne net.Error
	if errors.As(err, &ne) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return err
	}
	return fmt.Errorf("%w: %v", ErrNotWebSocket, err) //nolint:errorlint // the text of a parser
}
