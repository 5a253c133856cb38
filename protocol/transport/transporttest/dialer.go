package transporttest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
)

// Hub decides on one upgrade request.
type Hub func(r *http.Request) Answer

// Answer is the decision of a Hub. A Status refuses the device. Without one the device is accepted,
// and Serve, if not nil, gets the hub's end in its own goroutine.
type Answer struct {
	Status int
	Header http.Header
	Body   string
	Serve  func(c transport.Conn)
}

// Endpoint is a hub with its URL and the dialer to reach it.
type Endpoint struct {
	Dialer transport.Dialer
	URL    *url.URL // scheme and host
}

// TestDialer checks that a dialer keeps the contract of transport.Dialer. start starts a hub and
// stops it at the end of the test.
func TestDialer(t *testing.T, start func(t *testing.T, hub Hub) Endpoint) {
	t.Helper()
	t.Run("Request", func(t *testing.T) { testRequest(t, start) })
	t.Run("EarlyMessage", func(t *testing.T) { testEarlyMessage(t, start) })
	t.Run("Refusal", func(t *testing.T) { testRefusal(t, start) })
	t.Run("RetryAfterDate", func(t *testing.T) { testRetryAfterDate(t, start) })
	t.Run("BadRequests", func(t *testing.T) { testBadRequests(t, start) })
	t.Run("Cancel", func(t *testing.T) { testCancel(t, start) })
}

const (
	secretQuery  = "token=s3cret"
	secretHeader = "v4ry-secret"
)

func (e Endpoint) request(path string) transport.Request {
	u := *e.URL
	ref, err := url.Parse(path)
	if err != nil {
		panic(err) // the path is a constant
	}
	u.Path, u.RawPath, u.RawQuery, u.Fragment = ref.Path, ref.RawPath, ref.RawQuery, ref.Fragment
	return transport.Request{URL: &u, Header: http.Header{"x-nh-key": {secretHeader}}}
}

func testRequest(t *testing.T, start func(*testing.T, Hub) Endpoint) {
	seen := make(chan *http.Request, 1)
	e := start(t, func(r *http.Request) Answer {
		seen <- r
		return Answer{Serve: Echo}
	})
	c, err := e.Dialer.Dial(
		context.Background(),
		e.request("/socket/web%2Fsocket?vsn=2.0.0&"+secretQuery+"#fragment"),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Abort() //nolint:errcheck // the end of the test
	r := <-seen
	if got, want := r.RequestURI, "/socket/web%2Fsocket?vsn=2.0.0&"+secretQuery; got != want {
		t.Errorf("the hub was asked for %q, want %q", got, want)
	}
	if r.Header.Get("x-nh-key") != secretHeader || r.URL.Query().Get("vsn") != "2.0.0" {
		t.Errorf("header or query did not arrive: %v, %v", r.Header, r.URL)
	}
	if _, ok := r.Header["Origin"]; ok || r.Header.Get("Sec-WebSocket-Extensions") != "" {
		t.Error("the request has an Origin or asks for an extension")
	}
	if err := c.WriteMessage(transport.Text, []byte("ping")); err != nil {
		t.Fatal(err)
	}
	expect(t, c, transport.Text, []byte("ping"))
	if err := c.Close(protocol.CloseNormal, ""); err != nil {
		t.Errorf("close: %v", err)
	}
}

func testEarlyMessage(t *testing.T, start func(*testing.T, Hub) Endpoint) {
	e := start(t, func(*http.Request) Answer {
		return Answer{Serve: func(c transport.Conn) {
			_ = c.WriteMessage(transport.Text, []byte("welcome"))
			_ = c.WriteMessage(transport.Binary, make([]byte, 10_000))
			_ = c.Close(protocol.CloseGoingAway, "")
		}}
	})
	for range 20 {
		c, err := e.Dialer.Dial(context.Background(), e.request("/"))
		if err != nil {
			t.Fatal(err)
		}
		expect(t, c, transport.Text, []byte("welcome"))
		expect(t, c, transport.Binary, make([]byte, 10_000))
		_ = expectCode(t, c, protocol.CloseGoingAway)
	}
}

func testRefusal(t *testing.T, start func(*testing.T, Hub) Endpoint) {
	e := start(t, func(*http.Request) Answer {
		return Answer{
			Status: http.StatusUnauthorized,
			Body:   strings.Repeat("b", 10_000),
			Header: http.Header{
				"Nh-Connection-Error-Reason": {"no certificate pair"},
				"Location":                   {"https://example.org/"},
				"Retry-After":                {"17"},
				"Set-Cookie":                 {"session=secret"},
			},
		}
	})
	_, err := e.Dialer.Dial(context.Background(), e.request("/?"+secretQuery))
	var r *transport.RefusedError
	if !errors.As(err, &r) || r.Status != http.StatusUnauthorized {
		t.Fatalf("got %v, want a refusal with 401", err)
	}
	if r.Reason() != "no certificate pair" || r.RetryAfter() != 17*time.Second ||
		r.Header.Get("Location") != "https://example.org/" {
		t.Errorf("the hub's explanation is lost: %+v", r.Header)
	}
	if r.Header.Get("Set-Cookie") != "" {
		t.Error("an unused header was kept")
	}
	if len(r.Body) != 4096 {
		t.Errorf("kept %d bytes of the body, want 4096", len(r.Body))
	}
	expectNoSecret(t, err)
}

func testRetryAfterDate(t *testing.T, start func(*testing.T, Hub) Endpoint) {
	now := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC) // far from the device's clock
	e := start(t, func(*http.Request) Answer {
		return Answer{Status: http.StatusServiceUnavailable, Header: http.Header{
			"Date":        {now.Format(http.TimeFormat)},
			"Retry-After": {now.Add(time.Minute).Format(http.TimeFormat)},
		}}
	})
	_, err := e.Dialer.Dial(context.Background(), e.request("/"))
	var r *transport.RefusedError
	if !errors.As(err, &r) || r.RetryAfter() != time.Minute {
		t.Fatalf("got %v, want a refusal for a minute", err)
	}
}

func testBadRequests(t *testing.T, start func(*testing.T, Hub) Endpoint) {
	e := start(t, func(*http.Request) Answer {
		t.Error("a bad request reached the hub")
		return Answer{Status: http.StatusBadRequest}
	})
	tests := map[string]func(r *transport.Request){
		"scheme":     func(r *transport.Request) { r.URL.Scheme = "ftp" },
		"no host":    func(r *transport.Request) { r.URL.Host = "" },
		"no URL":     func(r *transport.Request) { r.URL = nil },
		"user":       func(r *transport.Request) { r.URL.User = url.UserPassword("u", secretHeader) },
		"origin":     func(r *transport.Request) { r.Header["origin"] = []string{"x"} },
		"extensions": func(r *transport.Request) { r.Header["sec-websocket-extensions"] = []string{"x"} },
	}
	for name, spoil := range tests {
		req := e.request("/?" + secretQuery)
		spoil(&req)
		_, err := e.Dialer.Dial(context.Background(), req)
		var p *transport.PhaseError
		if !errors.As(err, &p) || p.Phase != transport.PhaseRequest ||
			p.Class() != transport.ClassBadRequest {
			t.Errorf("%s: got %v, want an error about the request", name, err)
			continue
		}
		expectNoSecret(t, err)
	}
}

func testCancel(t *testing.T, start func(*testing.T, Hub) Endpoint) {
	asked, end := make(chan struct{}), make(chan struct{})
	e := start(t, func(*http.Request) Answer {
		close(asked)
		<-end
		return Answer{Status: http.StatusBadGateway}
	})
	defer close(end)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-asked; cancel() }()
	within(t, "a cancelled dial", func() {
		_, err := e.Dialer.Dial(ctx, e.request("/?"+secretQuery))
		var p *transport.PhaseError
		if !errors.As(err, &p) || p.Phase != transport.PhaseUpgrade ||
			p.Class() != transport.ClassCancelled ||
			!errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want a cancelled upgrade", err)
			return
		}
		expectNoSecret(t, err)
	})
}

func expectNoSecret(t *testing.T, err error) {
	t.Helper()
	for _, secret := range []string{secretQuery, "s3cret", secretHeader} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error says a secret: %v", err)
		}
	}
}

// Echo returns every message until the link ends.
func Echo(c transport.Conn) {
	var buf []byte
	for {
		k, p, err := c.ReadMessage(buf)
		if err != nil {
			_ = c.Abort()
			return
		}
		if c.WriteMessage(k, p) != nil {
			_ = c.Abort()
			return
		}
		buf = p
	}
}
