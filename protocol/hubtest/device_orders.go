package hubtest

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

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

// Ask sends an extension that is attached what NervesHub asks it for: health a report, geo a
// location, local_shell a shell, and so on.
func (d *Device) Ask(extension string) error {
	event, ok := requests[extension]
	if !ok {
		return fmt.Errorf("ask device %s: an extension %q is asked for nothing", d.id, extension)
	}
	err := d.step(func(s *session) bool {
		return slices.Contains(s.attached(), extension) &&
			s.push(topicExtensions, extension+":"+event, emptyObject)
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

// CrashChannel kills a channel as an exception on the hub does: the device gets phx_error, its
// socket stays.
func (d *Device) CrashChannel(topic string) error {
	return d.step(func(s *session) bool {
		ch := s.channel(topic)
		if ch != nil {
			s.crash(ch)
		}
		return ch != nil
	})
}

// CloseChannel ends a channel in order, as its process on the hub does when it stops: the device
// gets phx_close, its socket stays.
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

// RefuseJoins answers the next joins of a topic with an error, the real hub's for an empty
// response. Zero times takes back what is left.
func (d *Device) RefuseJoins(topic string, times int, response jsontext.Value) {
	if len(response) == 0 {
		response = jsontext.Value(`{"error":"could not connect"}`)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state.refusals = slices.DeleteFunc(
		d.state.refusals,
		func(r refusal) bool { return r.times <= 0 || times == 0 && r.topic == topic },
	)
	if times > 0 {
		d.state.refusals = append(
			d.state.refusals,
			refusal{topic: topic, times: times, response: response},
		)
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

// Move puts the device into another product: its socket is closed, and the key of its old product
// lets it in no more.
func (d *Device) Move(product string) {
	d.mu.Lock()
	d.product = product
	d.mu.Unlock()
	_ = d.Kick() // it may be offline
}

// SetMode decides who starts the device's updates: "automatic", "device_managed" or "off", and
// whether it may change that itself.
func (d *Device) SetMode(name string, deviceMayChange bool) {
	d.mu.Lock()
	d.state.mode = mode{name: name, allowed: deviceMayChange}
	d.mu.Unlock()
	_ = d.step(func(s *session) bool { // if it is online; else it is told when it joins
		return s.rules.modes && s.dev.running.api != nil && atLeast(s.dev.running.api, 2, 4) &&
			s.broadcast(topicDevice, "update_mode", s.dev.mode.payload(""))
	})
}
