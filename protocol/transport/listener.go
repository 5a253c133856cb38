package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"time"
)

// Listener is the place where a hub in memory accepts the dials of a PipeDialer.
type Listener struct {
	offers chan *Offer
	done   chan struct{}
	once   sync.Once
}

// NewListener returns a listener. Under virtual time (testing/synctest) create it inside the
// bubble.
func NewListener() *Listener {
	return &Listener{offers: make(chan *Offer), done: make(chan struct{})}
}

// Accept waits for the next dial. After Close the error wraps net.ErrClosed.
func (l *Listener) Accept() (*Offer, error) {
	select {
	case o := <-l.offers:
		return o, nil
	case <-l.done:
		return nil, fmt.Errorf("accept: %w", net.ErrClosed)
	}
}

// Close ends Accept. Later dials fail as on a closed port. Open links stay open.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Offer is the upgrade request of a device before its answer. The device waits for Accept or
// Refuse.
type Offer struct {
	// Request is the request as an HTTP server receives it: path, query, headers, and for wss a TLS
	// state with the client's certificate as an unverified peer certificate. CheckUpgrade accepts it.
	Request *http.Request

	dialer *PipeDialer
	answer chan answer
	gone   chan struct{} // closed when the dialer stops waiting
}

type answer struct {
	conn    Conn
	refusal *RefusedError
}

// Accept accepts the device and returns the hub's end. It ignores u.Header. It fails when the
// device no longer waits.
func (o *Offer) Accept(u UpgradeOptions) (Conn, error) {
	p := PipeOptions{Client: o.dialer.Limits, Server: u.Limits, WrapClient: o.dialer.Wrap}
	p.Deflate, _ = u.Compress.agree(o.Request.Header)
	client, server := pipe(p, o.Request.RemoteAddr, o.Request.Host)
	server = answering(server, u.CloseAnswer)
	if t := o.Request.TLS; t != nil {
		client = &pipeTLS{client, &TLSInfo{Version: t.Version, ServerName: t.ServerName, Verified: true}}
		server = &pipeTLS{server, tlsInfo(*t)}
	}
	if err := o.send(answer{conn: client}); err != nil {
		_ = client.Abort()
		_ = server.Abort()
		return nil, err
	}
	return server, nil
}

// Refuse refuses the device with an HTTP answer. The device gets a *RefusedError.
func (o *Offer) Refuse(status int, header http.Header, body string) error {
	return o.send(answer{refusal: newRefusal(o.Request.Host, status, header, []byte(body))})
}

func (o *Offer) send(a answer) error {
	select {
	case o.answer <- a:
		return nil
	case <-o.gone:
		return fmt.Errorf("answer %s: %w", o.Request.RemoteAddr, net.ErrClosed)
	}
}

// pipeTLS is a link in memory that represents an encrypted one.
type pipeTLS struct {
	Conn
	info *TLSInfo
}

func (c *pipeTLS) Info() ConnInfo {
	i := c.Conn.Info()
	i.TLS = c.info
	return i
}

// PipeDialer dials a Listener. The host of the URL is part of the request and has no other effect.
type PipeDialer struct {
	Listener *Listener
	// Name is the device's address for the hub; "" means "device".
	Name string
	// Certificate returns the client's certificate, of which only the DER chain is used; nil means
	// none.
	Certificate func() (*tls.Certificate, error)
	Limits      Limits
	Compress    Compression             // the offer; zero means none
	Timeout     time.Duration           // for the hub's answer; zero means 10 s
	Wrap        func(net.Conn) net.Conn // wraps the stream of the link, for faults; nil means none
}

// Dial offers the request to the listener's hub and waits for its answer.
func (d *PipeDialer) Dial(ctx context.Context, req Request) (Conn, error) {
	t, err := newTarget(req)
	if err != nil {
		return nil, err
	}
	o := &Offer{dialer: d, answer: make(chan answer), gone: make(chan struct{})}
	defer close(o.gone)
	if o.Request, err = d.request(t); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(d.Timeout, 10*time.Second))
	defer cancel()
	select {
	case <-d.Listener.done:
		return nil, t.fail(PhaseConnect, syscall.ECONNREFUSED)
	default:
	}
	select {
	case d.Listener.offers <- o:
	case <-d.Listener.done:
		return nil, t.fail(PhaseConnect, syscall.ECONNREFUSED)
	case <-ctx.Done():
		return nil, t.fail(PhaseConnect, ctx.Err())
	}
	select {
	case a := <-o.answer:
		if a.refusal != nil {
			return nil, a.refusal
		}
		return a.conn, nil
	case <-ctx.Done():
		return nil, t.fail(PhaseUpgrade, ctx.Err())
	}
}

// request returns the request as the hub receives it.
func (d *PipeDialer) request(t *target) (*http.Request, error) {
	r := t.request(newNonce(), d.Compress)
	r.RequestURI, r.RemoteAddr = r.URL.RequestURI(), cmp.Or(d.Name, "device")
	r.URL = &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	r.Host = t.addr
	if !t.secure {
		return r, nil
	}
	r.TLS = &tls.ConnectionState{
		Version:           tls.VersionTLS13,
		HandshakeComplete: true,
		ServerName:        t.host,
	}
	if d.Certificate == nil {
		return r, nil
	}
	cert, err := clientCertificate(d.Certificate)
	if err != nil {
		return nil, t.fail(PhaseTLS, err)
	}
	for _, der := range cert.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, t.fail(PhaseTLS, &ownCertificateError{err})
		}
		r.TLS.PeerCertificates = append(r.TLS.PeerCertificates, c)
	}
	return r, nil
}
