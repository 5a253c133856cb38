package hubtest

import (
	"context"
	"crypto/x509"
	"net/http"
	"slices"

	"github.com/hublink-go/hublink/protocol/auth"
	"github.com/hublink-go/hublink/protocol/transport"
)

// Hub is a simulated NervesHub. Its own methods give what a device needs to find it and what it
// knows of its devices; what an operator does is grouped by concern: [Hub.Net], [Hub.Door],
// [Hub.Firmware] and [Hub.Rollouts]. All methods may be called from any goroutine.
type Hub struct {
	cfg      Config
	rules    rules
	stats    counters
	registry registry
	door     Door
	gate     gate
	store    Store
	rollouts Rollouts
	front    front
}

// TB is the part of testing.TB that a hub uses.
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

// Start starts a hub. The caller must close it.
func Start(cfg Config) (*Hub, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	h := &Hub{cfg: cfg, rules: cfg.rules()}
	h.registry.init(cfg.settings(&h.rules))
	h.door.rate = cfg.Limits.HandshakeRate
	h.gate = newGate(&h.cfg, &h.rules, &h.door, h.admitted)
	h.store.init(h)
	h.rollouts.init(h)
	if err := h.front.open(h); err != nil {
		return nil, err
	}
	h.registry.spawn(h.rollouts.run)
	return h, nil
}

// Close ends the hub: listeners, sockets without a close frame, downloads, and all of its
// goroutines. It may be called twice.
func (h *Hub) Close() {
	if links, first := h.registry.close(); first {
		h.front.close()
		for _, l := range links {
			_ = l.conn.Abort()
		}
	}
	h.registry.wg.Wait()
}

// Profile returns the server that the hub behaves like.
func (h *Hub) Profile() Profile { return h.cfg.Profile }

// ConnectingCode returns the code that is run on every device that joins.
func (h *Hub) ConnectingCode() string { return h.registry.current().connectingCode }

// SetConnectingCode changes OnJoin.ConnectingCode.
func (h *Hub) SetConnectingCode(code string) {
	h.registry.configure(func(s *settings) { s.connectingCode = code })
}

// URL is the address for devices: scheme, host and port. The scheme is ws or wss; in memory the
// host has no meaning, and either scheme works.
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
// Its fields may be changed before its first use, as a *transport.PipeDialer or a
// *transport.WebSocket.
func (h *Hub) Dialer() transport.Dialer { return h.front.dialer() }

// RoundTripper fetches from the hub's firmware server in every mode. Each call makes a new one with
// its own connections.
func (h *Hub) RoundTripper() *http.Transport { return h.front.roundTripper() }

// Net acts on the sockets of all devices.
func (h *Hub) Net() Sockets { return Sockets{hub: h} }

// Door holds the operator's switches in front of the hub.
func (h *Hub) Door() *Door { return &h.door }

// Firmware holds the files that the hub offers and serves.
func (h *Hub) Firmware() *Store { return &h.store }

// Rollouts bring firmware to many devices.
func (h *Hub) Rollouts() *Rollouts { return &h.rollouts }

// Device returns the handle of a device, and creates the device when the hub does not know it.
func (h *Hub) Device(id string) *Device {
	h.registry.mu.Lock()
	defer h.registry.mu.Unlock()
	return h.device(id, "")
}

// device finds or creates a device; the registry's lock is held.
func (h *Hub) device(id, product string) *Device {
	r := &h.registry
	d := r.devices[id]
	if d == nil {
		d = &Device{hub: h, id: id, product: product, state: state{settings: r.settings}}
		d.log.limit = h.cfg.Record
		r.devices[id] = d
		r.order = append(r.order, d)
	}
	return d
}

// admitted finds or creates the device that has proven to be identifier. Nil means that the hub
// does not let it in.
func (h *Hub) admitted(identifier, product string) *Device {
	h.registry.mu.Lock()
	if identifier == "" || h.registry.devices[identifier] == nil && h.cfg.KnownOnly {
		h.registry.mu.Unlock()
		return nil
	}
	d := h.device(identifier, product)
	h.registry.mu.Unlock()
	if !d.belongsTo(product) {
		return nil
	}
	return d
}

// Devices lists all devices that the hub has seen or was asked for, oldest first.
func (h *Hub) Devices() []*Device { return slices.Clone(h.registry.list()) }

// WaitOnline waits until n devices have joined their device channel.
func (h *Hub) WaitOnline(ctx context.Context, n int) error {
	return h.stats.online.wait(ctx, n)
}
