package hubtest

import (
	"errors"
	"net"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
)

const maxQueue = 4096 // messages that wait for a device that does not read

// link is one socket of a device: a goroutine that waits, and a queue. A goroutine that puts
// something into the queue while there is no writer becomes the writer and writes until the queue
// is empty. So messages leave in the order in which the session made them, and only the writer
// waits for a device that does not read, no longer than a write may take. The device's lock guards
// all fields but conn.
type link struct {
	hub     *Hub
	dev     *Device
	conn    transport.Conn
	session *session
	wire    wire
	queue   []outgoing
	writing bool
	closing bool // messages from the device are ignored from now on
}

// outgoing is a message, or, with a code, the end of the socket.
type outgoing struct {
	msg  protocol.Message
	code int
}

// adopt takes over a socket that the gate has let in, and closes an older one of the same device.
func (h *Hub) adopt(d *Device, conn transport.Conn, w wire) {
	l := &link{hub: h, dev: d, conn: conn, wire: w}
	if !h.registry.add(l) {
		_ = conn.Abort()
		return
	}
	h.stats.upgrades.Add(1)
	d.Net().replaced() // one that has come in between
	d.mu.Lock()
	l.session = newSession(&h.rules, &d.state)
	d.link = l
	d.sockets++
	d.changes.wake()
	d.mu.Unlock()
	go l.read()
}

// read handles what comes, in one goroutine after another, until the socket ends; Close aborts it
// and waits.
func (l *link) read() {
	more, err := transport.Receive(l.conn, l.received)
	if more {
		go l.read()
		return
	}
	if err != nil {
		l.ended(err)
	}
	l.gone()
	l.hub.registry.leave()
}

// received handles one message. False means that the socket's process has crashed.
func (l *link) received(kind transport.Kind, data []byte) bool {
	l.dev.mu.Lock()
	m, err := l.wire.decode(kind, data)
	l.dev.mu.Unlock()
	if err != nil {
		l.hub.stats.errors.Add(1)
		l.end()
		_ = l.conn.Close(protocol.CloseInternalError, "") // NervesHub: the socket's process crashes
		return false
	}
	l.hub.stats.received[kindOf(m)].Add(1)
	l.step(func(s *session) {
		now := l.hub.cfg.Now()
		l.dev.log.add(Inbound, m, now)
		s.receive(now, m)
	})
	return true
}

// ended handles the end of reading: an idle socket is closed with 1002, one that the device or the
// network has ended is aborted.
func (l *link) ended(err error) {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		l.hub.stats.idle.Add(1)
		l.end()
		_ = l.conn.Close(protocol.CloseProtocolError, "")
		return
	}
	_ = l.conn.Abort()
}

// gone removes the link from the device and from the hub.
func (l *link) gone() {
	l.end()
	l.dev.mu.Lock()
	if l.dev.link == l {
		l.dev.link = nil
	}
	l.dev.changes.wake()
	l.dev.mu.Unlock()
	l.hub.registry.forget(l)
}

// end ends the session, once.
func (l *link) end() {
	l.dev.mu.Lock()
	defer l.dev.mu.Unlock()
	l.endLocked()
}

func (l *link) endLocked() {
	if l.closing {
		return
	}
	l.closing = true
	l.session.end()
	l.count()
	l.dev.changes.wake()
}

// step runs f on the session and sends the messages that f makes. False means that the link is
// closing and f did not run.
func (l *link) step(f func(*session)) bool {
	l.dev.mu.Lock()
	if l.closing {
		l.dev.mu.Unlock()
		return false
	}
	f(l.session)
	asked := l.collect()
	l.dev.mu.Unlock()
	l.flush()
	l.hub.rollouts.answer(l, asked)
	return true
}

// collect moves the session's messages into the queue; the lock is held.
func (l *link) collect() asks {
	out, asked := l.session.take()
	for _, m := range out {
		l.dev.log.add(Outbound, m, l.hub.cfg.Now())
		l.queue = append(l.queue, outgoing{msg: m})
	}
	l.hub.stats.sent.Add(int64(len(out)))
	l.count()
	l.dev.changes.wake()
	return asked
}

// count updates the hub's counters; the lock is held.
func (l *link) count() {
	d, c := l.dev, &l.hub.stats
	c.joins.Add(int64(d.state.joins - d.counted.joins))
	c.crashes.Add(int64(d.state.crashes - d.counted.crashes))
	if d.state.online != d.counted.online {
		n := int64(-1)
		if d.state.online {
			n = 1
		}
		c.online.add(n)
	}
	d.counted.joins, d.counted.crashes, d.counted.online = d.state.joins, d.state.crashes,
		d.state.online
}

// close sends the queue and then a close frame, and ignores what comes from the device from now on.
// False means that the link is closing already.
func (l *link) close(code int) bool {
	l.dev.mu.Lock()
	if l.closing {
		l.dev.mu.Unlock()
		return false
	}
	l.endLocked()
	l.queue = append(l.queue, outgoing{code: code})
	l.dev.mu.Unlock()
	l.flush()
	return true
}

// flush writes the queue unless another goroutine writes it already.
func (l *link) flush() {
	l.dev.mu.Lock()
	defer l.dev.mu.Unlock()
	if l.writing {
		if len(l.queue) > maxQueue {
			l.queue = nil
			_ = l.conn.Abort()
		}
		return
	}
	l.writing = true
	var frame []byte
	for len(l.queue) > 0 {
		batch := l.queue
		l.queue = nil
		for i := range batch {
			if batch[i].code != 0 {
				l.hangUp(batch[i].code)
				return // it stays the writer: no frame may follow
			}
			var err error
			if frame, err = l.wire.encode(frame[:0], batch[i].msg); err == nil {
				l.dev.mu.Unlock()
				err = l.conn.WriteMessage(l.wire.kind(), frame)
				l.dev.mu.Lock()
			}
			if err != nil {
				_ = l.conn.Abort()
				return
			}
		}
	}
	l.writing = false
}

// hangUp closes in a separate goroutine, because a close waits up to a second for the device.
func (l *link) hangUp(code int) {
	if !l.hub.registry.spawn(func() { _ = l.conn.Close(code, "") }) {
		_ = l.conn.Abort()
	}
}
