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

// PresenceEvent is a device that came or went. A new connection that takes the place of an older
// one is neither.
type PresenceEvent struct {
	Device string
	Joined bool // else it left
	At     time.Time
	Node   string // to which it came, or where its last connection was; see Cluster.Node
	Missed int    // events before this one that were dropped because a watcher took too long
}

// maxUntold is how many events wait for a watcher that blocks.
const maxUntold = 65_536

// watch tells watchers of presence, apart from those who have the news, who wait for nobody. A
// goroutine does it while there is something to tell.
type watch struct {
	log zerolog.Logger

	mu       sync.Mutex
	watchers map[uint64]func(PresenceEvent)
	key      uint64 // of the last watcher
	untold   []PresenceEvent
	idle     chan struct{} // closed when all is told; nil: nothing is being told
}

// add makes f hear what comes from now on.
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

// tell takes an event. The order of calls is the order in which watchers hear.
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

// run tells what there is to tell.
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

// call keeps a panic to this one call.
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

// wait returns when all has been told, or with ctx.
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

// WatchPresence makes f be called for every device that comes or goes, one call at a time and in
// order, until cancel is called; a call under way may end after that. Nobody waits for f: while it
// blocks up to 65,536 events wait, then the oldest are dropped, which Missed of the next one says,
// and [Server.Presence] has the truth. Stop returns when all has been told, or after two seconds.
func (s *Server) WatchPresence(f func(PresenceEvent)) (cancel func()) { return s.reg.watch.add(f) }
