package hubtest

import (
	"context"
	"crypto/x509"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hublink-go/hublink/protocol/auth"
	"github.com/hublink-go/hublink/protocol/transport"
)

// Hub is a simulated NervesHub. All methods may be called from any goroutine.
type Hub struct {
	cfg   Config
	rules rules
	keys  map[string]Key
	front front
	store store
	stats counters
	doors doors

	wake chan struct{} // a round of offers is due
	done chan struct{}
	wg   sync.WaitGroup
	registry
}

// registry is what the hub's lock guards. The lock may be taken while a device's is held, never the
// other way round.
type registry struct {
	mu          sync.Mutex
	closed      bool
	settings    *settings
	devices     map[string]*Device
	order       []*Device // as they were created
	deployments []*Deployment
	links       map[*link]struct{}
	emptied     chan struct{} // nil: the hub does not stop; closed when its last link has gone
}

// TB is what a hub needs of a test.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(f func())
}

// Run starts a hub that is closed when the test ends.
func Run(t TB, cfg Config) *Hub {
	t.Helper()
	h, err := Start(cfg)
	if err != nil {
		t.Fatalf("%v", err)
		return nil
	}
	t.Cleanup(h.Close)
	return h
}

// Start starts a hub. It must be closed.
func Start(cfg Config) (*Hub, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	h := &Hub{
		cfg: cfg, rules: cfg.Profile.rules(),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		registry: registry{devices: make(map[string]*Device), links: make(map[*link]struct{})},
	}
	h.settings = cfg.settings(&h.rules)
	h.keys = make(map[string]Key, len(cfg.Keys))
	for _, k := range cfg.Keys {
		h.keys[k.Key] = k
	}
	h.doors.rate = cfg.HandshakeRate
	h.store.init()
	if err := h.front.open(h); err != nil {
		return nil, err
	}
	h.spawn(h.orchestrate)
	return h, nil
}

// Close ends the hub: listeners, sockets without a close frame, downloads, and all of its
// goroutines. It may be called twice.
func (h *Hub) Close() {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		h.wg.Wait()
		return
	}
	h.closed = true
	close(h.done)
	links := h.allLinks()
	h.mu.Unlock()
	h.front.close()
	for _, l := range links {
		_ = l.conn.Abort()
	}
	h.wg.Wait()
}

// spawn starts a goroutine that Close waits for. False: the hub is closed.
func (h *Hub) spawn(f func()) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.wg.Go(f)
	return true
}

// Profile says which server it is like.
func (h *Hub) Profile() Profile { return h.cfg.Profile }

// ConnectingCode is the code that is run on every device that joins.
func (h *Hub) ConnectingCode() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.settings.connectingCode
}

// URL is the address for devices: scheme, host and port. The scheme is ws or wss; in memory the
// host means nothing, and either scheme may be used.
func (h *Hub) URL() string { return h.front.url }

// RootCAs trusts the hub's certificate. Nil in the modes Plain and Memory.
func (h *Hub) RootCAs() *x509.CertPool { return h.front.roots }

// CA is the certificate of the hub's authority in PEM, for devices in other processes. Nil in the
// modes Plain and Memory.
func (h *Hub) CA() []byte { return h.front.ca }

// Secret makes the credentials of a device with the first product key.
func (h *Hub) Secret(identifier string) auth.SharedSecret {
	for _, k := range h.cfg.Keys {
		if k.ofProduct() {
			return auth.SharedSecret{Key: k.Key, Secret: k.Secret, Identifier: identifier}
		}
	}
	return auth.SharedSecret{Identifier: identifier}
}

// Dialer dials the hub: in memory in the mode Memory, else over the network with the hub's roots.
// Fields may be changed before its first use by taking it as a *transport.PipeDialer or
// *transport.WebSocket.
func (h *Hub) Dialer() transport.Dialer { return h.front.dialer() }

// RoundTripper fetches from the hub's firmware server, in whatever mode it is. Each call makes a
// new one with connections of its own.
func (h *Hub) RoundTripper() *http.Transport { return h.front.roundTripper() }

// Device is the handle of a device. One that is not known yet is created.
func (h *Hub) Device(id string) *Device {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.device(id, "")
}

// device finds or creates a device; h.mu is held.
func (h *Hub) device(id, product string) *Device {
	d := h.devices[id]
	if d == nil {
		d = &Device{hub: h, id: id, product: product, state: state{settings: h.settings}}
		d.log.limit = h.cfg.Record
		h.devices[id] = d
		h.order = append(h.order, d)
	}
	return d
}

// Devices lists all devices that the hub has seen or was asked for, oldest first.
func (h *Hub) Devices() []*Device {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.order)
}

// WaitOnline waits until n devices have joined their device channel.
func (h *Hub) WaitOnline(ctx context.Context, n int) error {
	return h.stats.online.wait(ctx, n)
}

// allLinks lists the sockets; h.mu is held.
func (h *Hub) allLinks() []*link {
	links := make([]*link, 0, len(h.links))
	for l := range h.links {
		links = append(links, l)
	}
	return links
}

func (h *Hub) online() []*link {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.allLinks()
}

// CloseAll closes all sockets with a code: 1001 for a hub that moves its devices, for instance.
func (h *Hub) CloseAll(code int) {
	for _, l := range h.online() {
		l.close(code)
	}
}

// DropAll cuts all sockets without a close frame, as a hub that dies.
func (h *Hub) DropAll() {
	for _, l := range h.online() {
		_ = l.conn.Abort()
	}
}

// Drain closes the sockets that are there with 1012, batch after batch, as a node does that is
// being replaced, and those that are left when ctx ends with 1000. NervesHub: 1000 every 4 s, for
// 30 s. The listener for people (Site.Web) is not drained: all get 1000 at once.
func (h *Hub) Drain(ctx context.Context, batch int, every time.Duration) error {
	links := h.online()
	for !h.cfg.Site.Web {
		n := min(max(1, batch), len(links))
		for _, l := range links[:n] {
			l.close(transport.CodeServiceRestart)
		}
		if links = links[n:]; len(links) == 0 {
			return nil
		}
		select {
		case <-time.After(every):
			continue
		case <-ctx.Done():
		case <-h.done:
		}
		break
	}
	for _, l := range links {
		l.close(transport.CodeNormal)
	}
	return context.Cause(ctx)
}

// configure changes the settings of all devices that have none of their own.
func (h *Hub) configure(change func(*settings)) {
	h.mu.Lock()
	old, next := h.settings, *h.settings
	change(&next)
	h.settings = &next
	devices := slices.Clone(h.order)
	h.mu.Unlock()
	for _, d := range devices {
		d.mu.Lock()
		if d.state.settings == old {
			d.state.settings = &next
		}
		d.mu.Unlock()
	}
}

// counter is a number that can be waited for.
type counter struct {
	n       atomic.Int64
	mu      sync.Mutex
	changed chan struct{} // closed at the next change; nil: nobody waits
}

func (c *counter) add(n int64) {
	c.n.Add(n)
	c.mu.Lock()
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
	c.mu.Unlock()
}

func (c *counter) wait(ctx context.Context, n int) error {
	for {
		c.mu.Lock()
		if c.changed == nil {
			c.changed = make(chan struct{})
		}
		changed := c.changed
		c.mu.Unlock()
		if int(c.n.Load()) >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
