package actors_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/firmware/ramdev"
	"github.com/hublink-go/hublink/protocol/hubtest"
	"github.com/hublink-go/hublink/protocol/transport"
)

// picky is a dialer that reaches the hub by some of its names.
type picky struct {
	transport.Dialer
	mu   sync.Mutex
	up   string
	seen []string
}

func (p *picky) Dial(ctx context.Context, req transport.Request) (transport.Conn, error) {
	p.mu.Lock()
	p.seen = append(p.seen, req.URL.Host)
	up := p.up
	p.mu.Unlock()
	if req.URL.Host != up {
		return nil, &transport.PhaseError{
			Phase:  transport.PhaseConnect,
			Target: req.URL.Host,
			Err:    syscall.ECONNREFUSED,
		}
	}
	return p.Dialer.Dial(ctx, req)
}

// move makes the hub reachable by another name and returns the names that were dialled before.
func (p *picky) move(up string) (seen []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen, p.seen, p.up = p.seen, nil, up
	return seen
}

// Each failed dial goes on to the next URL; a URL that works is kept.
func TestFallbackURLs(t *testing.T) {
	d := &picky{up: "c.example"}
	inVirtualTime(t, func(r *rig) {
		d.Dialer = r.hub.Dialer()
		r.cfg.Hub.Dialer = d
		r.cfg.Hub.URL, r.cfg.Hub.Fallbacks = "wss://a.example", []string{"b.example", "https://c.example"}
	}, func(r *rig) {
		r.settle(time.Minute)
		require.Equal(t, actors.Connected, r.dev.Status().Connection)
		require.NoError(t, r.seen.Net().Drop())
		r.settle(2 * time.Minute)
		require.Equal(t, actors.Connected, r.dev.Status().Connection)
		require.Equal(
			t,
			[]string{"a.example", "b.example", "c.example", "c.example"},
			d.move("b.example"),
		)
		require.NoError(t, r.seen.Net().Drop())
		r.settle(5 * time.Minute)
		require.Equal(t, actors.Connected, r.dev.Status().Connection)
		require.Equal(t, []string{"c.example", "a.example", "b.example"}, d.move(""))
	})
}

// busy is a dialer to hubs that refuse every device, each for a time of its own.
type busy struct {
	mu    sync.Mutex
	start time.Time
	stay  map[string]string // Retry-After by host
	seen  map[string][]time.Duration
}

func (b *busy) Dial(_ context.Context, req transport.Request) (transport.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen[req.URL.Host] = append(b.seen[req.URL.Host], time.Since(b.start))
	return nil, &transport.RefusedError{
		Status: 503,
		Target: req.URL.Host,
		Header: http.Header{"Retry-After": {b.stay[req.URL.Host]}},
	}
}

// Who is asked to stay away goes to the next URL meanwhile; when all want that, the first that is
// over is awaited.
func TestRetryAfterIsForTheURLThatSaidIt(t *testing.T) {
	for name, tc := range map[string]struct {
		stay            map[string]string
		latestB, leastA time.Duration // when b is dialled first, a again
		mostB           int           // until two minutes after leastA
	}{
		"one": {
			map[string]string{"a.example": "300"},
			2 * time.Second, 300 * time.Second,
			1000,
		},
		"all": {
			map[string]string{"a.example": "300", "b.example": "30"},
			2 * time.Second,
			300 * time.Second, 14,
		},
		"only, for a day": {map[string]string{"a.example": "86400"}, 0, 600 * time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := &busy{stay: tc.stay, seen: map[string][]time.Duration{}}
			inVirtualTime(t, func(r *rig) {
				b.start, r.cfg.Hub.Dialer = time.Now(), b
				r.cfg.Hub.URL = "wss://a.example"
				if tc.mostB > 0 {
					r.cfg.Hub.Fallbacks = []string{"b.example"}
				}
			}, func(r *rig) {
				r.settle(tc.leastA + 2*time.Minute)
				b.mu.Lock()
				defer b.mu.Unlock()
				require.GreaterOrEqual(t, len(b.seen["a.example"]), 2, "it is tried again")
				require.GreaterOrEqual(t, b.seen["a.example"][1], tc.leastA, "not before it allows")
				require.Less(t, b.seen["a.example"][1], tc.leastA+2*time.Minute)
				if tc.mostB > 0 {
					require.LessOrEqual(
						t,
						b.seen["b.example"][0],
						tc.latestB,
						"another URL does not have to wait for it",
					)
				}
				require.LessOrEqual(t, len(b.seen["b.example"]), tc.mostB)
			})
		})
	}
}

func TestFallbackURLsAreChecked(t *testing.T) {
	cfg := actors.Config{
		Hub: actors.Hub{
			URL:       "hub.example",
			Fallbacks: []string{"b.example", "ftp://c.example", "wss://u:s3cret@d.example"},
		},
	}
	err := cfg.Validate()
	require.ErrorContains(t, err, `Hub.Fallbacks[1] has the scheme "ftp"`)
	require.ErrorContains(t, err, `Hub.Fallbacks[2] has a user`)
	require.NotContains(t, err.Error(), "Fallbacks[0]")
	require.NotContains(t, err.Error(), "s3cret")
}

// failing is a dialer that always fails.
type failing struct{ err error }

func (f failing) Dial(
	context.Context,
	transport.Request,
) (transport.Conn, error) {
	return nil, f.err
}

// The device's status says what to look at next.
func TestProxyAndRedirectAreDiagnosed(t *testing.T) {
	proxy := func(status int) error {
		return &transport.PhaseError{
			Phase: transport.PhaseProxy, Target: "hub.example:443",
			Err: &transport.ProxyError{Proxy: "proxy.example:3128", Status: status},
		}
	}
	strange := &transport.RefusedError{Status: 200, Target: "docs.example:443"}
	loop := &transport.RefusedError{
		Status: 301,
		Target: "hub.example:443",
		Err:    fmt.Errorf("%w: it is a loop", transport.ErrRedirect),
	}
	for want, err := range map[string]error{
		"proxy.example:3128 answered with HTTP status 407": proxy(407),
		"redirected from hub.example:443": fmt.Errorf(
			"redirected from hub.example:443: %w", strange),
		"redirect not followed: it is a loop": loop,
	} {
		inVirtualTime(t, func(r *rig) { r.cfg.Hub.Dialer = failing{err} }, func(r *rig) {
			require.Contains(t, r.dev.Status().Problem, want)
		})
	}
}

// forwarder is an HTTP proxy that notes what goes through it.
type forwarder struct {
	mu   sync.Mutex
	seen []string
}

func (f *forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.seen = append(f.seen, r.Method+" "+r.Host)
	f.mu.Unlock()
	if r.Method != http.MethodConnect {
		r.RequestURI = ""
		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		for name, values := range resp.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
		return
	}
	hub, err := net.Dial("tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer hub.Close()
	device, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer device.Close()
	_, _ = io.WriteString(device, "HTTP/1.1 200 OK\r\n\r\n")
	back := make(chan struct{})
	go func() {
		_, _ = io.Copy(device, hub)
		_ = device.Close()
		close(back)
	}()
	_, _ = io.Copy(hub, device)
	_ = hub.Close()
	<-back
}

// A device that reaches the world through a proxy only gets its updates too.
func TestProxyForSocketAndDownloads(t *testing.T) {
	hub := hubtest.Run(t, hubtest.Config{})
	way := &forwarder{}
	server := httptest.NewServer(way)
	t.Cleanup(server.Close)
	secret := hub.Secret(identity)
	slots := ramdev.New(running, 8<<20)
	dev, err := actors.New(actors.Config{
		Identity: identity,
		Hub: actors.Hub{
			URL:    hub.URL(),
			Secret: &secret,
			Proxy:  func(*url.URL) (*url.URL, error) { return url.Parse(server.URL) },
		},
		Firmware: actors.Firmware{Slots: slots, Applier: slots, Journal: &ramJournal{}},
	})
	require.NoError(t, err)
	require.NoError(t, dev.Start(t.Context()))
	seen := hub.Device(identity)
	require.NoError(t, seen.WaitJoined(t.Context()))
	fw, err := hub.Firmware().Add(newer, hubtest.Generated(1, 100_000))
	require.NoError(t, err)
	require.NoError(t, seen.Update().Offer(fw))
	require.ErrorIs(t, dev.Wait(), actors.ErrReboot)
	_ = dev.Stop(t.Context()) // tells the same once more
	way.mu.Lock()
	defer way.mu.Unlock()
	u, err := url.Parse(hub.URL())
	require.NoError(t, err)
	require.Equal(t, "CONNECT "+u.Host, way.seen[0])
	require.Contains(t, way.seen[1], "GET 127.0.0.1:")
}
