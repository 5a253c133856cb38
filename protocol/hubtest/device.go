package hubtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// ErrOffline is returned for what needs a joined channel when there is none.
var ErrOffline = errors.New("device has not joined this channel")

// Device is the handle of one device, over all its sockets: what the hub knows of it, and what an
// operator can do to it, grouped by concern: [Device.Net], [Device.Channel], [Device.Update],
// [Device.Extensions], [Device.Scripts] and [Device.Console].
type Device struct {
	hub *Hub
	id  string

	mu      sync.Mutex // never held while something waits
	product string
	deleted bool
	link    *link // nil: no socket
	sockets int
	state   state
	log     record
	counted struct {
		joins, crashes int
		online         bool
	}
	changes signal
}

// ID returns the device identifier.
func (d *Device) ID() string { return d.id }

// Snapshot is the hub's view of a device at one moment.
type Snapshot struct {
	Online    bool // its device channel is joined
	Connected bool // it has a socket
	Sockets   int  // that were ever accepted
	Joins     int  // of the device channel
	Crashes   int  // of its channels
	Reboots   int  // that it has announced
	Running   Metadata
	Validated *bool  // nil: not reported
	Reverted  bool   // its boot loader has reverted
	Interface string // that it has reported; Network returns its kind
	Attached  []string
	Statuses  []string // of all status_updates, in order, also unknown ones
	Progress  []Progress
	Update    *UpdateRecord // nil: none is in flight
	Mode      string
}

// Network returns NervesHub's name for the network behind the device's interface: ethernet, wifi,
// cellular or unknown.
func (s Snapshot) Network() string { return networkOf(s.Interface) }

// UpdateRecord is an update in flight.
type UpdateRecord struct {
	UUID     string
	Status   string
	Progress int
	Manual   bool
}

// Net acts on the device's socket.
func (d *Device) Net() Net { return Net{dev: d} }

// Channel acts on one of the device's channels: "device", "extensions" or "console".
func (d *Device) Channel(topic string) Channel { return Channel{dev: d, topic: topic} }

// Update acts on the device's updates.
func (d *Device) Update() Updates { return Updates{dev: d} }

// Extensions acts on the device's extensions.
func (d *Device) Extensions() Extensions { return Extensions{dev: d} }

// Scripts runs code on the device.
func (d *Device) Scripts() Scripts { return Scripts{dev: d} }

// Console is the console channel of the device.
func (d *Device) Console() Shell { return Shell{dev: d, name: topicConsole} }

// Snapshot copies the device's state.
func (d *Device) Snapshot() Snapshot {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.snapshot()
}

func (d *Device) snapshot() Snapshot {
	s := &d.state
	out := Snapshot{
		Online: s.online, Connected: d.link != nil && !d.link.closing, Sockets: d.sockets,
		Joins: s.joins, Crashes: s.crashes, Reboots: s.reboots,
		Running: s.running.Metadata, Reverted: s.running.reverted,
		Interface: s.running.networkInterface, Mode: s.mode.String(),
		Statuses: slices.Clone(s.statuses), Progress: slices.Clone(s.progress),
	}
	if v := s.running.validated; v != nil {
		validated := *v
		out.Validated = &validated
	}
	if out.Connected {
		out.Attached = d.link.session.attached()
	}
	if u := s.update.current; u != nil {
		record := u.record()
		out.Update = &record
	}
	return out
}

// Online reports whether the device channel is joined.
func (d *Device) Online() bool { return d.Snapshot().Online }

// Wait waits until cond holds. It is called after every change, with the device locked: it must not
// call the device's methods.
func (d *Device) Wait(ctx context.Context, cond func(Snapshot) bool) error {
	return d.await(ctx, func() bool { return cond(d.snapshot()) })
}

// WaitJoined waits until the device channel is joined.
func (d *Device) WaitJoined(ctx context.Context) error {
	return d.Wait(ctx, func(s Snapshot) bool { return s.Online })
}

// await waits until cond holds; it is called with the device locked.
func (d *Device) await(ctx context.Context, cond func() bool) error {
	for {
		d.mu.Lock()
		if cond() {
			d.mu.Unlock()
			return nil
		}
		changed := d.changes.watch()
		d.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("device %s: %w", d.id, context.Cause(ctx))
		}
	}
}

// Identify asks the device to show which one it is.
func (d *Device) Identify() error { return d.Channel(topicDevice).Push("identify", nil) }

// Reboot asks the device to reboot.
func (d *Device) Reboot() error { return d.Channel(topicDevice).Push("reboot", nil) }

// Delete closes the socket and refuses the device from now on; Delete(false) takes it back.
func (d *Device) Delete(deleted bool) {
	d.mu.Lock()
	d.deleted = deleted
	d.mu.Unlock()
	if deleted {
		_ = d.Net().Kick() // it may be offline
	}
}

// Move puts the device into another product: its socket is closed, and the key of its old product
// does not let it in any more.
func (d *Device) Move(product string) {
	d.mu.Lock()
	d.product = product
	d.mu.Unlock()
	_ = d.Net().Kick() // it may be offline
}

// belongsTo reports whether a key of product lets the device in, and puts a device that has no
// product into it. An empty product stands for a certificate.
func (d *Device) belongsTo(product string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.product = cmp.Or(d.product, product)
	return !d.deleted && (product == "" || d.product == product)
}

// step runs f on the session of the current socket.
func (d *Device) step(f func(*session) bool) error {
	l, err := d.Net().link()
	if err != nil {
		return err
	}
	done := false
	if !l.step(func(s *session) { done = f(s) }) || !done {
		return fmt.Errorf("device %s: %w", d.id, ErrOffline)
	}
	return nil
}
