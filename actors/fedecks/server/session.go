package server

import (
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/supervisor"
)

// Session is one connection of a device, for callbacks and whoever they give it to. Its methods may
// be called from any goroutine, also after its end.
type Session struct {
	srv     *Server
	ref     supervisor.Ref
	device  string
	addr    string
	since   time.Time
	pending atomic.Int64 // how many pushes and notes were sent here and are not handled yet
	waiting atomic.Int64 // and how many bytes

	// The registry's lock guards these.
	topics  map[string]struct{}
	meta    map[string]string
	number  uint64 // in the order of joining
	stamp   int64  // in the order of the cluster; 0: not stamped
	gone    bool
	revoked bool
}

// Device is the id of the device.
func (s *Session) Device() string { return s.device }

// Addr is where it connects from.
func (s *Session) Addr() string { return s.addr }

// Since is when it connected.
func (s *Session) Since() time.Time { return s.since }

// Push sends a term or Go value on this connection. ErrOffline, ErrBusy, fedecks.ErrReserved, or
// what encoding says.
func (s *Session) Push(v any) error {
	data, err := fedecks.Encode(v)
	if err == nil {
		err = s.send(push{data: data})
	}
	if err != nil {
		return fmt.Errorf("push to %s: %w", s.device, err)
	}
	return nil
}

// Notify hands msg to HandleInfo of this connection. ErrOffline, ErrBusy.
func (s *Session) Notify(msg any) error {
	if err := s.send(info{msg: msg}); err != nil {
		return fmt.Errorf("notify %s: %w", s.device, err)
	}
	return nil
}

// Subscribe makes what is broadcast and published on a topic, the latter on this node alone, come
// here until the connection ends.
func (s *Session) Subscribe(topic string) { s.srv.reg.subscribe(s, topic) }

// Unsubscribe ends that.
func (s *Session) Unsubscribe(topic string) { s.srv.reg.unsubscribe(s, topic) }

// SetMeta puts what presence shows of this connection in place of what it showed before. Other
// nodes of a cluster are shown up to 4 KiB of it, else none.
func (s *Session) SetMeta(meta map[string]string) {
	s.srv.reg.mu.Lock()
	defer s.srv.reg.mu.Unlock()
	s.meta = maps.Clone(meta)
	if !s.gone {
		s.srv.reg.announce(s.device)
	}
}

// Close ends the connection with a code and a reason.
func (s *Session) Close(code int, reason string) { s.end(code, reason) }

// send puts a push or an info into the mailbox, unless too much waits there. A single message may
// be as large as it likes.
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

// handled takes what has been sent off what waits.
func (s *Session) handled(size int64) {
	s.pending.Add(-1)
	s.waiting.Add(-size)
}

func (s *Session) end(code int, reason string) {
	_ = s.ref.Send(finish{code: code, reason: reason}) // one that has ended needs no end
}
