package hubtest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
)

const memoryHost = "hub.test"

// front holds the listeners of the hub: one for the devices' sockets and one for their downloads,
// on the network or in memory.
type front struct {
	hub              *Hub
	url, firmwareURL string
	roots            *x509.CertPool
	ca               []byte              // PEM
	memory           *transport.Listener // nil: on the network
	pipes            *pipeListener       // nil: on the network
	servers          []*http.Server
}

func (f *front) open(h *Hub) error {
	f.hub = h
	if h.cfg.Mode == Memory {
		f.url, f.firmwareURL = "ws://"+memoryHost, "http://firmware."+memoryHost
		f.memory, f.pipes = transport.NewListener(), newPipeListener()
		h.registry.spawn(func() { f.acceptOffers(f.memory) })
		f.serve(f.pipes, h.store.serve)
		return nil
	}
	var listen net.ListenConfig
	address := cmp.Or(h.cfg.Listen, "127.0.0.1:0")
	devices, err := listen.Listen(context.Background(), "tcp", address) // does not wait
	if err != nil {
		return fmt.Errorf("hubtest: %w", err)
	}
	host, _, _ := net.SplitHostPort(address) // it was good enough to listen on
	downloads, err := listen.Listen(context.Background(), "tcp",
		cmp.Or(h.cfg.Reach.Downloads, net.JoinHostPort(host, "0")))
	if err != nil {
		_ = devices.Close()
		return fmt.Errorf("hubtest: %w", err)
	}
	f.url, f.firmwareURL = "ws://"+f.reached(devices), "http://"+f.reached(downloads)
	devices = &doorListener{
		Listener: devices, door: &h.door, refused: func() { h.stats.refused.Add(1) },
	}
	if h.cfg.Mode == TLS {
		cert, err := f.certificate(h.cfg, host, h.cfg.Reach.Advertise)
		if err != nil {
			_, _ = devices.Close(), downloads.Close()
			return fmt.Errorf("hubtest: %w", err)
		}
		f.url, f.firmwareURL = "wss"+f.url[2:], "https"+f.firmwareURL[4:]
		devices = tls.NewListener(devices, f.deviceTLS(cert))
		downloads = tls.NewListener(
			downloads,
			&tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
		)
	}
	f.serve(devices, f.serveDevice)
	f.serve(downloads, h.store.serve)
	return nil
}

// reached returns host and port that devices reach a listener by.
func (f *front) reached(ln net.Listener) string {
	at := ln.Addr().String()
	if f.hub.cfg.Reach.Advertise == "" {
		return at
	}
	_, port, _ := net.SplitHostPort(at) // it comes from the system
	return net.JoinHostPort(f.hub.cfg.Reach.Advertise, port)
}

// certificate returns the hub's certificate: the configured one, or one of an authority that is
// made for this hub and that only RootCAs and CA know.
func (f *front) certificate(cfg Config, hosts ...string) (tls.Certificate, error) {
	if given := cfg.Certificates.Server; given != nil {
		return *given, nil
	}
	cert, ca, err := newServerCertificate(cfg.Now(), hosts...)
	if err != nil {
		return tls.Certificate{}, err
	}
	f.ca, f.roots = ca, x509.NewCertPool()
	f.roots.AppendCertsFromPEM(ca)
	return cert, nil
}

// ownAuthority reports whether a certificate is self-signed. NervesHub takes such a certificate for
// an authority that is sent along, and judges it at the level of HTTP.
func ownAuthority(c *x509.Certificate) bool {
	return len(c.AuthorityKeyId) > 0 && bytes.Equal(c.AuthorityKeyId, c.SubjectKeyId)
}

// deviceTLS accepts the handshake of a device without a certificate, and fails the handshake of one
// whose certificate is not accepted.
func (f *front) deviceTLS(cert tls.Certificate) *tls.Config {
	c := &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
	}
	if f.hub.cfg.Certificates.TLS13 {
		c.MaxVersion = tls.VersionTLS13
	}
	if len(f.hub.cfg.Certificates.Authorities) == 0 && len(f.hub.cfg.Certificates.Pinned) == 0 {
		return c
	}
	c.ClientAuth = tls.RequestClientCert
	c.VerifyConnection = func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 || ownAuthority(s.PeerCertificates[0]) {
			return nil
		}
		_, err := f.hub.gate.identify(s.PeerCertificates)
		return err
	}
	return c
}

// serve starts an HTTP server. Its goroutine ends with front.close.
func (f *front) serve(ln net.Listener, handler http.HandlerFunc) {
	s := &http.Server{
		Handler:           f.tracked(handler),
		ReadHeaderTimeout: 10 * time.Second,
		// a second limit above those of the gate
		MaxHeaderBytes: maxHeaders*maxHeaderLine + maxRequestLine,
		ErrorLog:       log.New(io.Discard, "", 0),
		Protocols:      new(http.Protocols),
	}
	s.Protocols.SetHTTP1(true)
	f.servers = append(f.servers, s)
	f.hub.registry.spawn(func() { _ = s.Serve(ln) })
}

// tracked makes Close wait for the handler.
func (f *front) tracked(handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !f.hub.registry.enter() {
			panic(http.ErrAbortHandler)
		}
		defer f.hub.registry.leave()
		handler(w, r)
	}
}

func (f *front) close() {
	for _, s := range f.servers {
		_ = s.Close()
	}
	if f.memory != nil {
		_ = f.memory.Close()
	}
}

func (f *front) dialer() transport.Dialer {
	if f.memory != nil {
		return &transport.PipeDialer{Listener: f.memory}
	}
	return &transport.WebSocket{
		TLS:       &tls.Config{RootCAs: f.roots, MinVersion: tls.VersionTLS12},
		Redirects: -1,
	} // it dials this hub only
}

func (f *front) roundTripper() *http.Transport {
	t := &http.Transport{
		TLSClientConfig:    &tls.Config{RootCAs: f.roots, MinVersion: tls.VersionTLS12},
		DisableCompression: true,
	}
	if f.pipes != nil {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn,
			error,
		) {
			return f.pipes.dial(ctx)
		}
	}
	return t
}

// serveDevice is the handler of the device listener.
func (f *front) serveDevice(w http.ResponseWriter, r *http.Request) {
	a := f.hub.gate.judge(r)
	if a.dev == nil {
		f.hub.stats.refused.Add(1)
		for name, values := range a.header {
			w.Header()[name] = values
		}
		w.Header()["Content-Type"] = nil // NervesHub names none
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
		return
	}
	a.dev.Net().replaced()
	conn, err := transport.Upgrade(w, r, f.upgrade(a.header))
	if err == nil {
		f.hub.adopt(a.dev, conn, a.wire)
	}
}

// acceptOffers is the device listener in memory.
func (f *front) acceptOffers(ln *transport.Listener) {
	for {
		o, err := ln.Accept()
		if err != nil {
			return
		}
		a := f.hub.gate.judge(o.Request)
		if a.dev == nil {
			f.hub.stats.refused.Add(1)
			_ = o.Refuse(a.status, a.header, a.body)
			continue
		}
		a.dev.Net().replaced()
		if conn, err := o.Accept(f.upgrade(nil)); err == nil {
			f.hub.adopt(a.dev, conn, a.wire)
		}
	}
}

// upgrade returns the options of every upgrade. NervesHub accepts permessage-deflate from each
// device that offers it, with context takeover (RFC 7692 section 7.1.1).
func (f *front) upgrade(header http.Header) transport.UpgradeOptions {
	const ratio = 25 // Bandit's
	return transport.UpgradeOptions{
		Limits: transport.Limits{ReadIdle: f.hub.cfg.Limits.Idle, InflateRatio: ratio},
		Header: header, Compress: transport.Together, CloseAnswer: closeAnswer,
	}
}

// closeAnswer returns the code with which NervesHub's web server (Bandit) answers a close frame.
func closeAnswer(code int) int {
	if code < 1000 || 1004 <= code && code <= 1006 && code != protocol.CloseNoStatus ||
		1012 <= code && code < 3000 {
		return protocol.CloseProtocolError
	}
	return protocol.CloseNormal
}

// doorListener drops connections before the first byte: those that the operator cuts, and those
// above the rate limit.
type doorListener struct {
	net.Listener
	door    *Door
	refused func()
	window  time.Time
	count   int
}

func (l *doorListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || !l.door.cutNext() && !l.tooMany(time.Now()) {
			return c, err
		}
		l.refused()
		_ = c.Close()
	}
}

// tooMany counts connections in windows of a second, as NervesHub does, and reports whether now is
// above the limit. Only the accepting goroutine calls it.
func (l *doorListener) tooMany(now time.Time) bool {
	rate := l.door.handshakeRate()
	if rate == 0 {
		return false
	}
	if now.Sub(l.window) >= time.Second {
		l.window, l.count = now, 0
	}
	l.count++
	return l.count > rate
}

// pipeListener is a net.Listener in memory.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

var errNoListener = errors.New("connect: the hub is closed")

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.done:
		return nil, errNoListener
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return memoryHost }
