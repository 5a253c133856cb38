package hubtest

import (
	"fmt"
	"slices"
	"time"

	"github.com/hublink-go/hublink/protocol"
)

// Direction of a message.
type Direction uint8

// The directions, as the hub sees them.
const (
	Inbound  Direction = iota // from the device
	Outbound                  // to the device
)

// Entry is one recorded message.
type Entry struct {
	At        time.Time
	Direction Direction
	Message   protocol.Message // Payload is nil when it is larger than 64 KiB
	Size      int              // bytes of the payload
}

// String describes the message without its payload, which may hold signed URLs or console input.
func (e Entry) String() string {
	arrow := ">"
	if e.Direction == Outbound {
		arrow = "<"
	}
	return fmt.Sprintf(
		"%s %s %s (join_ref %q, ref %q, %d bytes)",
		arrow,
		e.Message.Topic,
		e.Message.Event,
		e.Message.JoinRef,
		e.Message.Ref,
		e.Size,
	)
}

// record keeps the last messages of a device.
type record struct {
	limit   int // zero: nothing is kept
	entries []Entry
	dropped int // because of the limit
}

// add keeps a message; its payload is copied, because it belongs to a frame.
func (r *record) add(dir Direction, m protocol.Message, at time.Time) {
	if r.limit == 0 {
		return
	}
	if len(r.entries) >= r.limit {
		n := max(1, r.limit/2)
		r.entries = slices.Delete(r.entries, 0, n)
		r.dropped += n
	}
	size := len(m.Payload)
	if size > maxKept {
		m.Payload = nil
	}
	if dir == Inbound {
		m.Payload = slices.Clone(m.Payload)
	}
	r.entries = append(r.entries, Entry{At: at, Direction: dir, Message: m, Size: size})
}

// Record keeps the last n messages of this device from now on. Zero keeps none.
func (d *Device) Record(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log.limit = max(0, n)
	if n <= 0 {
		d.log.entries = nil
	}
}

// Messages returns the recorded messages, oldest first.
func (d *Device) Messages() []Entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.log.entries)
}
