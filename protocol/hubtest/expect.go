package hubtest

import (
	"fmt"
	"strings"
	"time"

	"github.com/hublink-go/hublink/protocol"
)

// Match selects messages.
type Match func(protocol.Message) bool

// Event matches an event of a topic.
func Event(topic, event string) Match {
	return func(m protocol.Message) bool { return m.Topic == topic && m.Event == event }
}

// Join matches a join of a topic.
func Join(topic string) Match { return Event(topic, protocol.EventJoin) }

// Status matches a status_update with this status.
func Status(status string) Match {
	return func(m protocol.Message) bool {
		var p statusParams
		if m.Event != "status_update" || !decode(m.Payload, &p) {
			return false
		}
		got, _ := text(p.Status)
		return got == status
	}
}

// Heartbeat matches a heartbeat.
func Heartbeat() Match { return Event(protocol.TopicPhoenix, protocol.EventHeartbeat) }

// Conversation reads the messages of one device one after the other, so that a test reads as a
// conversation. It skips heartbeats unless they match. It belongs to one goroutine.
type Conversation struct {
	t       TB
	dev     *Device
	next    int // index of the next entry, counted from the first one ever recorded
	sockets int // at the beginning; the first one of a device that had none
	timeout time.Duration
}

const conversationLimit = 4096

// Converse starts a conversation with the messages from now on.
func (d *Device) Converse(t TB) *Conversation {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.log.limit == 0 {
		d.log.limit = conversationLimit
	}
	return &Conversation{
		t: t, dev: d, next: d.log.dropped + len(d.log.entries), sockets: max(1, d.sockets),
		timeout: time.Minute,
	}
}

// Within changes how long Expect waits: one minute otherwise, which costs nothing under virtual
// time.
func (c *Conversation) Within(timeout time.Duration) *Conversation {
	c.timeout = timeout
	return c
}

// Expect waits for the device's next message and fails when it does not match. why is part of the
// failure's text.
func (c *Conversation) Expect(why string, match Match) protocol.Message {
	c.t.Helper()
	m, ok := c.receive(c.timeout, match)
	if !ok {
		c.t.Fatalf("device %s said nothing within %v: %s\n%s", c.dev.id, c.timeout, why, c.history())
	}
	if !match(m) {
		c.t.Fatalf("device %s said %s %s: %s\n%s", c.dev.id, m.Topic, m.Event, why, c.history())
	}
	return m
}

// ExpectLater waits for a message that matches and skips those before it.
func (c *Conversation) ExpectLater(why string, match Match) protocol.Message {
	c.t.Helper()
	deadline := time.Now().Add(c.timeout)
	for {
		m, ok := c.receive(time.Until(deadline), match)
		if !ok {
			c.t.Fatalf("device %s did not say it within %v: %s\n%s", c.dev.id, c.timeout, why, c.history())
		}
		if match(m) {
			return m
		}
	}
}

// ExpectSilence waits for d and fails when a message comes that is no heartbeat.
func (c *Conversation) ExpectSilence(why string, d time.Duration) {
	c.t.Helper()
	if m, ok := c.receive(d, func(protocol.Message) bool { return false }); ok {
		c.t.Fatalf("device %s said %s %s: %s\n%s", c.dev.id, m.Topic, m.Event, why, c.history())
	}
}

// ExpectSameSocket fails when the device has connected again since the conversation began, or is
// not connected.
func (c *Conversation) ExpectSameSocket(why string) {
	c.t.Helper()
	if s := c.dev.Snapshot(); s.Sockets != c.sockets || !s.Connected {
		c.t.Fatalf("device %s has had %d sockets, not %d, connected %t: %s\n%s",
			c.dev.id, s.Sockets, c.sockets, s.Connected, why, c.history())
	}
}

// receive returns the device's next message. It skips heartbeats that do not match.
func (c *Conversation) receive(timeout time.Duration, match Match) (protocol.Message, bool) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		c.dev.mu.Lock()
		log := &c.dev.log
		c.next = max(c.next, log.dropped)
		for c.next < log.dropped+len(log.entries) {
			e := log.entries[c.next-log.dropped]
			c.next++
			if e.Direction == Inbound && (e.Message.Event != protocol.EventHeartbeat || match(e.Message)) {
				c.dev.mu.Unlock()
				return e.Message, true
			}
		}
		changed := c.dev.changes.watch()
		c.dev.mu.Unlock()
		select {
		case <-changed:
		case <-timer.C:
			return protocol.Message{}, false
		}
	}
}

// history returns the end of the conversation, for the text of a failure.
func (c *Conversation) history() string {
	const shown = 20
	entries := c.dev.Messages()
	entries = entries[max(0, len(entries)-shown):]
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "  %s\n", e)
	}
	return b.String()
}
