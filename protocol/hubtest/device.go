package hubtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// ErrOffline is returned for what needs a joined channel when there is none.
var ErrOffline = errors.New("device has not joined this channel")

// Device is what the hub knows of one device, over all its sockets, and what an operator can do to
// it.
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
	notify chan struct{} // closed at the next change; nil: nobody waits
}

// ID is the device identifier.
func (d *Device) ID() string { return d.id }

// Snapshot is what the hub knows of a device at one moment.
type Snapshot struct {
	Online    bool // its device channel is joined
	Connected bool // it has a socket
	Sockets   int  // that were ever accepted
	Joins     int  // of the device channel
	Crashes   int  // of its channels
	Reboots   int  // that it has announced
	Running   Metadata
	Validated *bool  // nil: it did not say
	Reverted  bool   // its boot loader went back
	Interface string // that it has reported; Network says what kind it is
	Attached  []string
	Statuses  []string // of all status_updates, in order, also unknown ones
	Progress  []Progress
	Update    *UpdateRecord // nil: none is in flight
	Mode      string
}

// Network is NervesHub's name for the network behind the device's interface: ethernet, wifi,
// cellular or unknown.
func (s Snapshot) Network() string { return networkOf(s.Interface) }

// UpdateRecord is an update in flight.
type UpdateRecord struct {
	UUID     string
	Status   string
	Progress int
	Manual   bool
}

// Snapshot copies the device's state.
func (d *Device) Snapshot() Snapshot {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.snapshot()
}

func (d *Device) snapshot() Snapshot {
	s := &d.state
	out := Snapshot{
		Online: s.online, Connected: d.link != nil && !d.link.closing, Sockets: d.sockets, Joins: s.joins,
		Crashes: s.crashes,
		Reboots: s.reboots, Running: s.running.Metadata, Reverted: s.running.reverted,
		Interface: s.running.networkInterface,
		Statuses:  slices.Clone(s.statuses), Progress: slices.Clone(s.progress), Mode: s.mode.String(),
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

// Online says whether the device channel is joined.
func (d *Device) Online() bool { return d.Snapshot().Online }

// Joins counts the joins of the device channel.
func (d *Device) Joins() int { return d.Snapshot().Joins }

// Sockets counts the sockets that were ever accepted: it stays the same while a device keeps its
// socket.
func (d *Device) Sockets() int { return d.Snapshot().Sockets }

// Statuses lists the statuses that were ever reported, in order.
func (d *Device) Statuses() []string { return d.Snapshot().Statuses }

// Report says what came of one kind of extension messages, "health:report" for instance.
func (d *Device) Report(kind string) Report {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.state.report(kind); r != nil {
		return *r
	}
	return Report{}
}

// ConnectionTypes is what a device said with connection_types, as old clients do.
func (d *Device) ConnectionTypes() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.state.running.connectionTypes)
}

// Reports lists what came of all kinds of extension messages.
func (d *Device) Reports() map[string]Report {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make(map[string]Report, len(d.state.reports))
	for _, r := range d.state.reports {
		all[r.kind] = r.Report
	}
	return all
}

// Updates lists the updates that are over, oldest first, and says until when rollouts leave the
// device alone; zero: they do not.
func (d *Device) Updates() (over []UpdateEntry, blockedUntil time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.state.update.history), d.state.update.blockedUntil
}

// Unblock takes the device out of the penalty box and forgets its attempts.
func (d *Device) Unblock() {
	d.mu.Lock()
	d.state.update.blockedUntil, d.state.update.attempts = time.Time{}, nil
	d.mu.Unlock()
	d.hub.round()
}

// Wait waits until cond holds. It is called after every change, with the device locked: it must not
// call the device's methods.
func (d *Device) Wait(ctx context.Context, cond func(Snapshot) bool) error {
	return d.await(ctx, func() bool { return cond(d.snapshot()) })
}

// await waits until cond holds; it is called with the device locked.
func (d *Device) await(ctx context.Context, cond func() bool) error {
	for {
		d.mu.Lock()
		if cond() {
			d.mu.Unlock()
			return nil
		}
		changed := d.watch()
		d.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("device %s: %w", d.id, context.Cause(ctx))
		}
	}
}

// WaitJoined waits until the device channel is joined.
func (d *Device) WaitJoined(ctx context.Context) error {
	return d.Wait(ctx, func(s Snapshot) bool { return s.Online })
}

// WaitStatus waits until the device has ever reported a status.
func (d *Device) WaitStatus(ctx context.Context, status string) error {
	return d.Wait(ctx, func(s Snapshot) bool { return slices.Contains(s.Statuses, status) })
}

// WaitReport waits until an extension message of this kind, "health:report" for instance, was ever
// accepted.
func (d *Device) WaitReport(ctx context.Context, kind string) error {
	return d.await(ctx, func() bool {
		r := d.state.report(kind)
		return r != nil && r.Count > 0
	})
}

// watch is closed at the next change; the lock is held.
func (d *Device) watch() <-chan struct{} {
	if d.notify == nil {
		d.notify = make(chan struct{})
	}
	return d.notify
}

// changed tells those who wait; the lock is held.
func (d *Device) changed() {
	if d.notify != nil {
		close(d.notify)
		d.notify = nil
	}
}

// step runs f on the session of the current socket.
func (d *Device) step(f func(*session) bool) error {
	d.mu.Lock()
	l := d.link
	d.mu.Unlock()
	done := false
	if l == nil || !l.step(func(s *session) { done = f(s) }) || !done {
		return fmt.Errorf("device %s: %w", d.id, ErrOffline)
	}
	return nil
}
