package hubtest

import (
	"context"
	"sync"
	"sync/atomic"
)

// signal wakes goroutines that wait for a change. The lock of the changing value guards it.
type signal struct {
	changed chan struct{} // closed at the next change; nil: no goroutine waits
}

// watch is closed at the next change; the lock is held.
func (s *signal) watch() <-chan struct{} {
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// wake wakes the goroutines that watch; the lock is held.
func (s *signal) wake() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// counter is a number that can be waited for.
type counter struct {
	n       atomic.Int64
	mu      sync.Mutex
	changes signal
}

func (c *counter) add(n int64) {
	c.n.Add(n)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes.wake()
}

// wait waits until the number is at least n.
func (c *counter) wait(ctx context.Context, n int) error {
	for {
		c.mu.Lock()
		changed := c.changes.watch()
		c.mu.Unlock()
		if int(c.n.Load()) >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
