package transport

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/proxy"
)

// ProxyError is the refusal of a proxy, or the failure to reach it.
type ProxyError struct {
	Proxy  string // host:port, without credentials
	Status int    // HTTP status of the answer to CONNECT; 0 means none, or a SOCKS proxy
	Err    error  // the failure, when Status is 0
}

func (e *ProxyError) Error() string {
	if e.Status != 0 {
		return fmt.Sprintf("the proxy %s answered with HTTP status %d", e.Proxy, e.Status)
	}
	return fmt.Sprintf("the proxy %s: %v", e.Proxy, e.Err)
}

// Unwrap returns Err.
func (e *ProxyError) Unwrap() error { return e.Err }

// unauthorized reports whether the proxy refuses the credentials. It compares texts, because
// package proxy has no error types.
func (e *ProxyError) unauthorized() bool {
	return e.Status == http.StatusProxyAuthRequired ||
		e.Err != nil && strings.Contains(e.Err.Error(), "authentication")
}

// CheckProxy returns an error for an invalid URL of a proxy: it must be http, https, socks5 or
// socks5h with a host. The error contains no credentials.
func CheckProxy(u *url.URL) error {
	_, err := proxyTarget(u)
	return err
}

func proxyTarget(u *url.URL) (*target, error) {
	ports := map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}
	port, ok := ports[strings.ToLower(u.Scheme)]
	if !ok {
		return nil, fmt.Errorf("the proxy's URL has the scheme %q: give http, https or socks5", u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, errors.New("the proxy's URL has no host: give scheme://host:port")
	}
	p := &target{
		url:    u,
		secure: strings.EqualFold(u.Scheme, "https"),
		host:   u.Hostname(),
		port:   orPort(u.Port(), port),
	}
	p.addr = net.JoinHostPort(p.host, p.port)
	return p, nil
}

// connect returns the byte stream to the target, through its proxy if it has one.
func (d *WebSocket) connect(ctx context.Context, t *target) (net.Conn, error) {
	if d.Proxy == nil {
		return d.open(ctx, t)
	}
	u, err := d.Proxy(t.url)
	if err != nil {
		return nil, t.fail(PhaseRequest, fmt.Errorf("choose a proxy: %w", err))
	}
	if u == nil {
		return d.open(ctx, t)
	}
	p, err := proxyTarget(u)
	if err != nil {
		return nil, t.fail(PhaseRequest, err)
	}
	nc, err := d.tunnel(ctx, p, t)
	if err == nil {
		return nc, nil
	}
	var said *ProxyError
	if !errors.As(err, &said) {
		err = &ProxyError{Proxy: p.addr, Err: err}
	}
	return nil, t.fail(PhaseProxy, err)
}

// tunnel returns a byte stream to the target through the proxy p.
func (d *WebSocket) tunnel(ctx context.Context, p, t *target) (net.Conn, error) {
	nc, err := d.open(ctx, p)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(d.Timeouts.Proxy, 10*time.Second))
	defer cancel()
	if p.secure {
		tc := tls.Client(nc, d.proxyTLS(p))
		if err := tc.HandshakeContext(ctx); err != nil {
			_ = nc.Close()
			return nil, err
		}
		nc = tc
	}
	ask := d.askHTTP
	if strings.HasPrefix(strings.ToLower(p.url.Scheme), "socks") {
		ask = askSOCKS
	}
	if err := ask(ctx, nc, p, t); err != nil {
		_ = nc.Close()
		return nil, orContext(ctx, err)
	}
	return nc, nil
}

// proxyTLS returns the settings for TLS with a proxy: the roots of the hub's connection, and no
// certificate of the device.
func (d *WebSocket) proxyTLS(p *target) *tls.Config {
	c := &tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: p.host,
		NextProtos: []string{"http/1.1"},
		Time:       d.Time,
	}
	if d.TLS != nil {
		c.RootCAs, c.InsecureSkipVerify = d.TLS.RootCAs, d.TLS.InsecureSkipVerify
	}
	return c
}

// askHTTP makes an HTTP proxy connect nc to the target (CONNECT, RFC 9110 section 9.3.6).
func (d *WebSocket) askHTTP(ctx context.Context, nc net.Conn, p, t *target) error {
	req := &http.Request{
		Method: http.MethodConnect,
		URL:    &url.URL{Opaque: t.addr},
		Host:   t.addr,
		Header: make(http.Header),
	}
	if d.UserAgent != "" {
		req.Header.Set("User-Agent", d.UserAgent)
	}
	if u := p.url.User; u != nil {
		password, _ := u.Password()
		req.Header.Set(
			"Proxy-Authorization",
			"Basic "+base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)),
		)
	}
	var b bytes.Buffer
	if err := req.Write(&b); err != nil {
		return err
	}
	by, _ := ctx.Deadline()
	_ = nc.SetDeadline(by)
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := nc.Write(b.Bytes()); err != nil {
		return err
	}
	br := bufio.NewReader(io.LimitReader(nc, int64(d.Limits.orDefault().HandshakeBytes)))
	resp, err := readAnswer(br, req)
	switch {
	case errors.Is(err, ErrNotWebSocket):
		return errors.New("its answer to CONNECT is not HTTP")
	case err != nil:
		return err
	}
	_ = resp.Body.Close()
	switch {
	case resp.StatusCode/100 != 2:
		return &ProxyError{Proxy: p.addr, Status: resp.StatusCode}
	case br.Buffered() > 0:
		return errors.New("it sent more than its answer to CONNECT")
	case !stop():
		return ctx.Err()
	}
	return nc.SetDeadline(time.Time{})
}

// askSOCKS makes a SOCKS5 proxy connect nc to the target, whose name the proxy resolves (RFC 1928,
// RFC 1929).
func askSOCKS(ctx context.Context, nc net.Conn, p, t *target) error {
	var auth *proxy.Auth
	if u := p.url.User; u != nil {
		password, _ := u.Password()
		auth = &proxy.Auth{User: u.Username(), Password: password}
	}
	dialer, err := proxy.SOCKS5("tcp", p.addr, auth, nil)
	if err != nil {
		return err
	}
	over, ok := dialer.(interface {
		DialWithConn(ctx context.Context, c net.Conn, network, address string) (net.Addr, error)
	})
	if !ok {
		return errors.New("package proxy cannot use a connection that is there already")
	}
	_, err = over.DialWithConn(ctx, nc, "tcp", t.addr)
	return err
}
