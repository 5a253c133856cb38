package server

import (
	"context"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// PresenceEvent tells that a device joined or left. A new connection that replaces an older one
// does neither.
type PresenceEvent struct {
	Device string
	Joined bool // false: it left
	At     time.Time
	Node   string // that it joined, or that had its last connection; see Cluster.Node
	Missed int    // events before this one that were dropped because a watcher took too long
}

// maxUntold is how many events may wait for a watcher that blocks. The number is ours.
const maxUntold = 65_536

// watch calls the watchers of presence. It does so in a goroutine of its own, which runs while
// events wait, so that a watcher that blocks delays neither the registry nor a connection.
type watch struct {
	log zerolog.Logger

	mu       sync.Mutex
	watchers map[uint64]func(PresenceEvent)
	key      uint64 // of the last watcher
	untold   []PresenceEvent
	idle     chan struct{} // closed when no event waits; nil: none waits
}

// add calls f for every event from now on, until cancel is called.
func (w *watch) add(f func(PresenceEvent)) (cancel func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.watchers == nil {
		w.watchers = map[uint64]func(PresenceEvent){}
	}
	w.key++
	key := w.key
	w.watchers[key] = f
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.watchers, key)
	}
}

// tell takes an event. The watchers hear events in the order of the calls of tell.
func (w *watch) tell(e PresenceEvent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.watchers) == 0 {
		return
	}
	if w.untold = append(w.untold, e); len(w.untold) > maxUntold {
		dropped := w.untold[0]
		w.untold = w.untold[1:]
		w.untold[0].Missed += dropped.Missed + 1
	}
	if w.idle == nil {
		w.idle = make(chan struct{})
		go w.run()
	}
}

// run calls the watchers until no event waits. Started by tell.
func (w *watch) run() {
	for {
		w.mu.Lock()
		events := w.untold
		if w.untold = nil; len(events) == 0 {
			close(w.idle)
			w.idle = nil
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
		for _, e := range events {
			for _, f := range w.all() {
				w.call(f, e)
			}
		}
	}
}

func (w *watch) all() []func(PresenceEvent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]func(PresenceEvent), 0, len(w.watchers))
	for _, key := range slices.Sorted(maps.Keys(w.watchers)) {
		out = append(out, w.watchers[key])
	}
	return out
}

// call calls f. It recovers a panic and logs it.
func (w *watch) call(f func(PresenceEvent), e PresenceEvent) {
	defer func() {
		if v := recover(); v != nil {
			w.log.Error().
				Bytes("stack", debug.Stack()).
				Str("device", e.Device).
				Msg("a watcher of presence panicked")
		}
	}()
	f(e)
}

// wait returns when no event waits, or when ctx ends.
func (w *watch) wait(ctx context.Context) {
	w.mu.Lock()
	idle := w.idle
	w.mu.Unlock()
	if idle == nil {
		return
	}
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

// WatchPresence calls f for every device that joins or leaves, one call at a time and in order,
// until cancel is called; a call may still run after that. While f blocks, up to 65,536 events
// wait. Then the oldest are dropped, Missed of the next event counts them, and [Server.Presence]
// has the current state. Stop returns when f has been called for all events, or after two seconds.
func (s *Server) WatchPresence(f func(PresenceEvent)) (cancel func()) { return s.reg.watch.add(f) }
