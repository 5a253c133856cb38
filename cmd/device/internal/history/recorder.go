package history

import (
	"sync"
	"sync/atomic"
	"time"
)

// waiting bounds the entries that wait for the disk.
const waiting = 64

// Recorder adds entries in a goroutine of its own, so that Add never waits for the disk.
type Recorder struct {
	log     *Log
	entries chan Entry
	done    chan struct{}
	mu      sync.RWMutex // guards closed
	closed  bool
	lost    atomic.Int64
	failed  func(error)
}

// Record starts a recorder that owns the log. failed is called from its goroutine with what cannot
// be written.
func Record(l *Log, failed func(error)) *Recorder {
	r := &Recorder{
		log: l, entries: make(chan Entry, waiting), done: make(chan struct{}), failed: failed,
	}
	go func() {
		defer close(r.done)
		for e := range r.entries {
			if err := r.log.Add(e); err != nil {
				r.failed(err)
			}
		}
	}()
	return r
}

// Add records an entry, now if it has no time. It drops the entry when too many wait for the disk;
// Lost counts these, and those that come after Close.
func (r *Recorder) Add(e Entry) {
	if e.Time.IsZero() {
		e.Time = time.Now().UTC()
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		r.lost.Add(1)
		return
	}
	select {
	case r.entries <- e:
	default:
		r.lost.Add(1)
	}
}

// Lost returns how many entries were dropped.
func (r *Recorder) Lost() int64 { return r.lost.Load() }

// Close writes what waits and closes the log.
func (r *Recorder) Close() error {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		close(r.entries)
	}
	r.mu.Unlock()
	<-r.done
	return r.log.Close()
}
