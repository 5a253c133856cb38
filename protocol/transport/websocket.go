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
	// TLS is what wss connections start from: root pool, server name, session cache. At least TLS 1.2
	// is spoken, and HTTP/1.1 only. Verification is off only where InsecureSkipVerify says so. Nil:
	// the system's roots.
	TLS *tls.Config
	// Certificate is asked for the client's certificate in every handshake in which the hub wants one;
	// it is sent whatever issuers the hub names, because the hub cannot list every organisation's CA
	// (NervesHub). Nil: what TLS has.
	Certificate func() (*tls.Certificate, error)
	// Time is the clock that certificates are checked against, for devices that know better than their
	// system. Nil: time.Now.
	Time func() time.Time
	// UserAgent names the program. Empty: the standard library's.
	UserAgent string
	// NetDial returns the byte stream to host:port of the hub or its proxy; it then resolves names
	// itself, within the sum of the two timeouts. Nil: resolve, then race the addresses.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Proxy says through which proxy a target is reached, whose scheme is http or https here: see
	// CheckProxy for what there is. User information of its URL is sent as credentials, to an http
	// proxy in plain. Nil, or a nil URL: directly.
	Proxy func(target *url.URL) (*url.URL, error)
	// followed in one dial, never from TLS to plain and with Request.Header to the same origin only;
	// zero: 2, negative: none
	Redirects int
	Compress  Compression // what is offered; zero: nothing
	Timeouts  Timeouts
	Limits    Limits
}

// Timeouts bound the phases of a dial. Zero means the value given with the field.
type Timeouts struct {
	Resolve time.Duration // 5 s
	Connect time.Duration // 10 s
	Proxy   time.Duration // for what is said to a proxy once it is connected; 10 s
	TLS     time.Duration // 10 s
	Upgrade time.Duration // 10 s
}

// refusalTime is how long the body of a refusal is waited for: the status alone says enough.
const refusalTime = 2 * time.Second

// dial is one attempt, without redirects.
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

// handshake puts TLS over nc. It closes nc when that fails.
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
	c.NextProtos = []string{"http/1.1"}  // the hub would pick h2
	c.DynamicRecordSizingDisabled = true // else a message is several records, and each is a Write
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

// clientCertificate asks the owner. No certificate is an empty one to crypto/tls.
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

// upgraded is what came of a request that was granted.
type upgraded struct {
	early   []byte   // what came behind the answer
	deflate *Deflate // nil: no compression
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
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusalBody)) // as much as there is
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

// readAnswer skips informational answers (RFC 9110 section 15.2), of which the budget allows only
// so many.
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

// notHTTP tells an answer that is not HTTP from a stream that failed.
func notHTTP(err error) error {
	var ne net.Error
	if errors.As(err, &ne) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return err
	}
	return fmt.Errorf("%w: %v", ErrNotWebSocket, err) //nolint:errorlint // the text of a parser
}
