package transport_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/protocol/transport/internal/duplex"
	"github.com/hublink-go/hublink/protocol/transport/transporttest"
)

var memoryHub = &url.URL{
	Scheme:   "wss",
	Host:     "hub.example",
	Path:     "/socket/websocket",
	RawQuery: "vsn=2.0.0",
}

func TestListener(t *testing.T) {
	cert := transporttest.NewAuthority(t).Client(t, "device-1")
	synctest.Test(t, func(t *testing.T) {
		l := transport.NewListener()
		accepted := make(chan transport.Conn, 1)
		go func() {
			o, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			if status, err := transport.CheckUpgrade(o.Request); err != nil {
				t.Errorf("not an upgrade request: %d, %v", status, err)
			}
			r := o.Request
			if r.Host != "hub.example:443" || r.RemoteAddr != "device-1" ||
				r.URL.Path != "/socket/websocket" ||
				r.TLS == nil {
				t.Errorf("the request is not what a server would see: %+v", r)
			}
			c, err := o.Accept(transport.UpgradeOptions{})
			if err != nil {
				t.Error(err)
			}
			accepted <- c
		}()
		d := &transport.PipeDialer{
			Listener:    l,
			Name:        "device-1",
			Certificate: func() (*tls.Certificate, error) { return &cert, nil },
		}
		client, err := d.Dial(t.Context(), transport.Request{URL: memoryHub})
		if err != nil {
			t.Fatal(err)
		}
		server := <-accepted
		if peer := server.Info().TLS.Peer; peer == nil || peer.Subject.CommonName != "device-1" {
			t.Errorf("the hub does not see the device's certificate: %v", peer)
		}
		if client.Info().TLS == nil || client.Info().LocalAddr.String() != "device-1" {
			t.Errorf("the device's end says %+v", client.Info())
		}
		_, _ = client.Abort(), server.Abort()
	})
}

func TestListenerNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := transport.NewListener()
		d := &transport.PipeDialer{Listener: l}
		expectPhase := func(want transport.Phase, class transport.Class, after time.Duration) {
			t.Helper()
			start := time.Now()
			_, err := d.Dial(t.Context(), transport.Request{URL: memoryHub})
			var p *transport.PhaseError
			if !errors.As(err, &p) || p.Phase != want || p.Class() != class || time.Since(start) != after {
				t.Errorf("got %v after %v, want %v, %v after %v", err, time.Since(start), want, class, after)
			}
		}
		expectPhase(transport.PhaseConnect, transport.ClassTimeout, 10*time.Second)

		late := make(chan *transport.Offer, 1)
		go func() {
			o, _ := l.Accept()
			late <- o
		}()
		expectPhase(transport.PhaseUpgrade, transport.ClassTimeout, 10*time.Second)
		if _, err := (<-late).Accept(transport.UpgradeOptions{}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accepting a device that has left: %v, want net.ErrClosed", err)
		}

		_, _ = l.Close(), l.Close()
		expectPhase(transport.PhaseConnect, transport.ClassRefused, 0)
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept after close: %v, want net.ErrClosed", err)
		}
	})
}

func TestListenerCertificateFails(t *testing.T) {
	d := &transport.PipeDialer{
		Listener:    transport.NewListener(),
		Certificate: func() (*tls.Certificate, error) { return nil, errors.New("locked") },
	}
	_, err := d.Dial(context.Background(), transport.Request{URL: memoryHub})
	var p *transport.PhaseError
	if !errors.As(err, &p) || p.Class() != transport.ClassOwnCertificate {
		t.Errorf("got %v, want an error about the own certificate", err)
	}
}

func TestUpgradeRefusesOtherRequests(t *testing.T) {
	tests := map[string]struct {
		spoil  func(r *http.Request)
		status int
	}{
		"method":         {func(r *http.Request) { r.Method = http.MethodPost }, 400},
		"HTTP/1.0":       {func(r *http.Request) { r.ProtoMinor = 0 }, 400},
		"HTTP/2":         {func(r *http.Request) { r.ProtoMajor = 2 }, 400},
		"no upgrade":     {func(r *http.Request) { r.Header.Del("Upgrade") }, 400},
		"other upgrade":  {func(r *http.Request) { r.Header.Set("Upgrade", "h2c") }, 400},
		"no connection":  {func(r *http.Request) { r.Header.Set("Connection", "close") }, 400},
		"old version":    {func(r *http.Request) { r.Header.Set("Sec-WebSocket-Version", "8") }, 426},
		"no key":         {func(r *http.Request) { r.Header.Del("Sec-WebSocket-Key") }, 400},
		"short key":      {func(r *http.Request) { r.Header.Set("Sec-WebSocket-Key", "c2hvcnQ=") }, 400},
		"key not base64": {func(r *http.Request) { r.Header.Set("Sec-WebSocket-Key", "!!!!") }, 400},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/socket/websocket", nil)
			r.Header = http.Header{
				"Upgrade": {"websocket"}, "Connection": {"keep-alive, Upgrade"},
				"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
			}
			if status, err := transport.CheckUpgrade(r); status != 101 || err != nil {
				t.Fatalf("the good request: %d, %v", status, err)
			}
			test.spoil(r)
			w := httptest.NewRecorder()
			_, err := transport.Upgrade(w, r, transport.UpgradeOptions{})
			if !errors.Is(err, transport.ErrNotWebSocket) || w.Code != test.status {
				t.Errorf("status %d, error %v, want %d", w.Code, err, test.status)
			}
			if test.status == 426 && w.Header().Get("Sec-WebSocket-Version") != "13" {
				t.Error("the answer does not say which version will do")
			}
		})
	}
}

// oneConn is a net.Listener of a single connection.
type oneConn struct {
	conn chan net.Conn
	done chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case nc := <-l.conn:
		return nc, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *oneConn) Close() error   { close(l.done); return nil }
func (l *oneConn) Addr() net.Addr { return duplex.Addr("hub") }

// A link taken over from net/http keeps neither its deadlines nor the bytes that it had read too
// far.
func TestUpgradeTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		device, hub := duplex.New("device", "hub")
		l := &oneConn{conn: make(chan net.Conn, 1), done: make(chan struct{})}
		l.conn <- hub
		conns := make(chan transport.Conn, 1)
		server := &http.Server{
			ReadTimeout:  5 * time.Second,
			WriteTimeout: 5 * time.Second,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c, err := transport.Upgrade(
					w,
					r,
					transport.UpgradeOptions{Header: http.Header{"X-Node": {"7"}}},
				)
				if err != nil {
					t.Error(err)
				}
				conns <- c
			}),
		}
		go func() { _ = server.Serve(l) }()
		const early = "\x81\x85\x00\x00\x00\x00early"
		_, _ = device.Write(
			[]byte("GET / HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" + early),
		)
		resp, err := http.ReadResponse(bufio.NewReader(device), nil)
		if err != nil || resp.StatusCode != http.StatusSwitchingProtocols ||
			resp.Header.Get("X-Node") != "7" ||
			resp.Header.Get(
				"Sec-WebSocket-Accept",
			) != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" { // the example of RFC 6455 section 1.3
			t.Fatalf("answer %+v, %v", resp, err)
		}
		_ = resp.Body.Close()
		c := <-conns
		go func() { time.Sleep(time.Hour); _, _ = device.Write([]byte("\x81\x84\x00\x00\x00\x00late")) }()
		for _, want := range []string{"early", "late"} {
			if _, got, err := c.ReadMessage(nil); string(got) != want || err != nil {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		}
		_ = c.Abort()
		_ = server.Close()
	})
}
