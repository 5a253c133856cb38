package hubtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ErrOffline is returned for what needs a joined channel when there is none.
var ErrOffline = errors.New("device has not joined this channel")

// Device is what the hub knows of one device, over all its sockets, and what an operator can do to it.
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

// Network is NervesHub's name for the network behind the device's interface: ethernet, wifi, cellular or unknown.
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
		Online: s.online, Connected: d.link != nil && !d.link.closing, Sockets: d.sockets, Joins: s.joins, Crashes: s.crashes,
		Reboots: s.reboots, Running: s.running.Metadata, Reverted: s.running.reverted, Interface: s.running.networkInterface,
		Statuses: slices.Clone(s.statuses), Progress: slices.Clone(s.progress), Mode: s.mode.String(),
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

// Sockets counts the sockets that were ever accepted: it stays the same while a device keeps its socket.
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

// Updates lists the updates that are over, oldest first, and says until when rollouts leave the device alone; zero: they do not.
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

// Wait waits until cond holds. It is called after every change, with the device locked: it must not call the device's methods.
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

// WaitReport waits until an extension message of this kind, "health:report" for instance, was ever accepted.
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

// Push sends an event to the device. payload is anything that can be written as JSON; nil means {}.
func (d *Device) Push(topic, event string, payload any) error {
	value := emptyObject
	if payload != nil {
		var err error
		if value, err = json.Marshal(payload, json.Deterministic(true)); err != nil {
			return fmt.Errorf("push %s to device %s: %w", event, d.id, err)
		}
	}
	return d.step(func(s *session) bool {
		if topic == topicDevice {
			return s.broadcast(topic, event, value)
		}
		return s.push(topic, event, value)
	})
}

// Identify asks the device to show which one it is.
func (d *Device) Identify() error { return d.Push(topicDevice, "identify", nil) }

// Reboot asks the device to reboot.
func (d *Device) Reboot() error { return d.Push(topicDevice, "reboot", nil) }

// HealthCheck asks for a health report.
func (d *Device) HealthCheck() error { return d.Push(topicExtensions, "health:check", nil) }

// Ask sends an extension that is attached what NervesHub asks it for: health a report, geo a location, local_shell a shell, and so on.
func (d *Device) Ask(extension string) error {
	event, ok := requests[extension]
	if !ok {
		return fmt.Errorf("ask device %s: an extension %q is asked for nothing", d.id, extension)
	}
	err := d.step(func(s *session) bool {
		return slices.Contains(s.attached(), extension) && s.push(topicExtensions, extension+":"+event, emptyObject)
	})
	if err != nil {
		return fmt.Errorf("ask %s: %w", extension, err)
	}
	return nil
}

// Attach asks the device to attach extensions that it has named in its join.
func (d *Device) Attach(names ...string) error {
	return d.Push(topicExtensions, "attach", map[string][]string{"extensions": names})
}

// Detach asks the device to detach extensions.
func (d *Device) Detach(names ...string) error {
	return d.Push(topicExtensions, "detach", map[string][]string{"extensions": names})
}

// CrashChannel kills a channel as an exception on the hub does: the device gets phx_error, its socket stays.
func (d *Device) CrashChannel(topic string) error {
	return d.step(func(s *session) bool {
		ch := s.channel(topic)
		if ch != nil {
			s.crash(ch)
		}
		return ch != nil
	})
}

// CloseChannel ends a channel in order, as its process on the hub does when it stops: the device gets phx_close, its socket stays.
func (d *Device) CloseChannel(topic string) error {
	return d.step(func(s *session) bool {
		ch := s.channel(topic)
		if ch != nil {
			s.drop(ch)
			s.closed(ch)
		}
		return ch != nil
	})
}

// RefuseJoins answers the next joins of a topic with an error, the real hub's for an empty response. Zero times takes back what is left.
func (d *Device) RefuseJoins(topic string, times int, response jsontext.Value) {
	if len(response) == 0 {
		response = jsontext.Value(`{"error":"could not connect"}`)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state.refusals = slices.DeleteFunc(d.state.refusals, func(r refusal) bool { return r.times <= 0 || times == 0 && r.topic == topic })
	if times > 0 {
		d.state.refusals = append(d.state.refusals, refusal{topic: topic, times: times, response: response})
	}
}

// Disconnect closes the socket with a code; 1001 is what the hub's own "disconnect" does.
func (d *Device) Disconnect(code int) error {
	d.mu.Lock()
	l := d.link
	d.mu.Unlock()
	if l == nil {
		return fmt.Errorf("device %s: %w", d.id, ErrOffline)
	}
	l.close(code)
	return nil
}

// Kick closes the socket as if the device had connected a second time.
func (d *Device) Kick() error { return d.Disconnect(d.hub.rules.kickCode) }

// kick closes the socket that a newer one replaces.
func (d *Device) kick() {
	d.mu.Lock()
	l := d.link
	d.mu.Unlock()
	if l != nil && l.close(d.hub.rules.kickCode) {
		d.hub.stats.kicked.Add(1)
	}
}

// Drop cuts the socket without a close frame.
func (d *Device) Drop() error {
	d.mu.Lock()
	l := d.link
	d.mu.Unlock()
	if l == nil {
		return fmt.Errorf("device %s: %w", d.id, ErrOffline)
	}
	return l.conn.Abort()
}

// Delete closes the socket and refuses the device from now on; Delete(false) takes it back.
func (d *Device) Delete(deleted bool) {
	d.mu.Lock()
	d.deleted = deleted
	d.mu.Unlock()
	if deleted {
		_ = d.Kick() // it may be offline
	}
}

// Move puts the device into another product: its socket is closed, and the key of its old product lets it in no more.
func (d *Device) Move(product string) {
	d.mu.Lock()
	d.product = product
	d.mu.Unlock()
	_ = d.Kick() // it may be offline
}

// SetMode decides who starts the device's updates: "automatic", "device_managed" or "off", and whether it may change that itself.
func (d *Device) SetMode(name string, deviceMayChange bool) {
	d.mu.Lock()
	d.state.mode = mode{name: name, allowed: deviceMayChange}
	d.mu.Unlock()
	_ = d.step(func(s *session) bool { // if it is online; else it is told when it joins
		return s.rules.modes && s.dev.running.api != nil && atLeast(s.dev.running.api, 2, 4) &&
			s.broadcast(topicDevice, "update_mode", s.dev.mode.payload(""))
	})
}
