package server

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hublink-go/hublink/actors/fedecks/server/internal/roster"
	"github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/supervisor"
)

// Session is one connection of a device. Callbacks are given it and may pass it on. Its methods may
// be called from any goroutine, also after the connection has ended.
type Session struct {
	srv     *Server
	ref     supervisor.Ref
	addr    string
	pending atomic.Int64            // pushes and notes that were sent here and not handled
	waiting atomic.Int64            // their bytes
	member  roster.Member[*Session] // under the lock of the registry, but for Device and Since
}

func newSession(srv *Server, device, addr string, since time.Time) *Session {
	s := &Session{srv: srv, addr: addr}
	s.member.Session, s.member.Device, s.member.Since = s, device, since
	return s
}

// Device returns the id of the device.
func (s *Session) Device() string { return s.member.Device }

// Addr returns the address that the device connects from.
func (s *Session) Addr() string { return s.addr }

// Since returns when the device asked for the connection.
func (s *Session) Since() time.Time { return s.member.Since }

// Push sends v, a term or Go value, on this connection. It returns ErrOffline, ErrBusy,
// fedecks.ErrReserved, or an error of the encoding.
func (s *Session) Push(v any) error {
	data, err := fedecks.Encode(v)
	if err == nil {
		err = s.send(push{data: data})
	}
	if err != nil {
		return fmt.Errorf("push to %s: %w", s.Device(), err)
	}
	return nil
}

// Notify passes msg to HandleInfo of this connection. It returns ErrOffline or ErrBusy.
func (s *Session) Notify(msg any) error {
	if err := s.send(info{msg: msg}); err != nil {
		return fmt.Errorf("notify %s: %w", s.Device(), err)
	}
	return nil
}

// Subscribe subscribes the connection to a topic until it ends: to broadcasts of all nodes and to
// what is published on this node.
func (s *Session) Subscribe(topic string) { s.srv.reg.subscribe(s, topic) }

// Unsubscribe ends a subscription.
func (s *Session) Unsubscribe(topic string) { s.srv.reg.unsubscribe(s, topic) }

// SetMeta replaces what presence shows of this connection. Other nodes of a cluster are shown up to
// 4 KiB of meta; they are shown none of a larger one.
func (s *Session) SetMeta(meta map[string]string) { s.srv.reg.setMeta(s, meta) }

// Close ends the connection with a code and a reason.
func (s *Session) Close(code int, reason string) { s.end(code, reason) }

// send puts a push or an info into the mailbox of the connection, unless too many messages wait
// there. A message that waits alone may be of any size.
func (s *Session) send(msg any) error {
	size := int64(0)
	if p, ok := msg.(push); ok {
		size = int64(len(p.data))
	}
	limits := &s.srv.cfg.Limits
	n, bytes := s.pending.Add(1), s.waiting.Add(size)
	switch {
	case n > int64(limits.Pending), bytes > int64(limits.PendingBytes) && bytes > size:
		s.handled(size)
		return ErrBusy
	case s.ref.Send(msg) != nil:
		s.handled(size)
		return ErrOffline
	}
	return nil
}

// handled records that a message with size bytes of data does not wait any more.
func (s *Session) handled(size int64) {
	s.pending.Add(-1)
	s.waiting.Add(-size)
}

func (s *Session) end(code int, reason string) {
	_ = s.ref.Send(finish{code: code, reason: reason}) // lost when the connection has ended
}
