package supervisor

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
)

// links is what is tied to the life of a cell. Most cells have none of it most of the time. The
// cell's lock guards it.
type links struct {
	timers   *timer             // list
	calls    *call              // list: asked, not answered
	slots    []slot             // what the next incarnation may take
	watchers map[*cell]struct{} // who is told of the end
	watching map[*cell]struct{}
	running  []*linked // goroutines
	ctx      context.Context
	cancel   context.CancelFunc
	given    bool          // ctx was given away for the life of the incarnation
	done     chan struct{} // closed at the end
}

// linked is a goroutine that belongs to a cell.
type linked struct{ name string }

// Messages of linked goroutines to their cell.
type (
	linkedFailed struct{ reason error }
	linkedGone   struct{} // the last one that was waited for
)

// tied returns the links of the cell. The lock is held.
func (c *cell) tied() *links {
	if c.links == nil {
		c.links = &links{}
	}
	return c.links
}

// context returns what ends with the incarnation. The lock is held.
func (c *cell) context() context.Context {
	l := c.tied()
	if l.ctx == nil {
		l.ctx, l.cancel = context.WithCancel(context.Background())
		if c.at >= atEnd {
			l.cancel()
		}
	}
	return l.ctx
}

// dropContext forgets a context that only goroutines had, which have ended: the next one gets a
// fresh one.
func (l *links) dropContext() {
	if l.ctx != nil && !l.given {
		l.cancel()
		l.ctx, l.cancel = nil, nil
	}
}

// start starts a linked goroutine, unless the cell has begun to end.
func (c *cell) start(name string, f func(ctx context.Context) error) {
	c.mu.Lock()
	if c.at >= atEnd || c.is(abandoned) {
		c.mu.Unlock()
		return
	}
	ctx, l := c.context(), &linked{name: name}
	c.links.running = append(c.links.running, l)
	c.mu.Unlock()
	go c.runLinked(ctx, l, f)
}

// runLinked is a linked goroutine: started by start, ended by its own or by the cancelled context.
func (c *cell) runLinked(ctx context.Context, l *linked, f func(ctx context.Context) error) {
	reason := ErrGoexit
	defer func() {
		if v := recover(); v != nil {
			reason = newPanicError(v)
		}
		c.linkedEnded(l, reason)
	}()
	reason = f(ctx)
}

func (c *cell) linkedEnded(l *linked, reason error) {
	c.mu.Lock()
	running := c.links.running
	for i := range running {
		if running[i] == l {
			running[i] = running[len(running)-1]
			running[len(running)-1] = nil
			c.links.running = running[:len(running)-1]
			break
		}
	}
	last, at, gone := len(c.links.running) == 0, c.at, c.is(abandoned)
	if last {
		c.links.running = nil
		c.links.dropContext()
	}
	c.mu.Unlock()
	var panicked *PanicError
	switch {
	case reason == nil:
	case at < atEnd && !gone:
		c.tell(linkedFailed{reason: fmt.Errorf("goroutine %s: %w", l.name, reason)})
	case errors.As(reason, &panicked):
		c.terminateFailed(fmt.Errorf("goroutine %s: %w", l.name, reason))
	}
	switch {
	case last && gone:
		c.sys.hanging.forget(c)
	case last && at == atLinked:
		c.tell(linkedGone{})
	}
}

// stopping cancels the context of what is linked to the cell, which has been asked to stop.
func (c *cell) stopping() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.links != nil && c.links.cancel != nil {
		c.links.cancel()
	}
}

// cut ends what is tied to the cell, but for goroutines that need their time and calls that
// Terminate may answer.
func (c *cell) cut() {
	c.stopping()
	c.mu.Lock()
	if c.links == nil {
		c.mu.Unlock()
		return
	}
	for t := c.links.timers; t != nil; t = c.links.timers {
		t.t.Stop()
		c.dropTimer(t)
	}
	watching := c.links.watching
	c.links.watching = nil
	c.mu.Unlock()
	for target := range watching {
		target.unwatch(c)
	}
}

// awaitLinked says whether goroutines are still running; linkedGone comes when they have ended.
func (c *cell) awaitLinked() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.links == nil || len(c.links.running) == 0 {
		return false
	}
	c.at = atLinked
	return true
}

// hanging says what user code the cell does not come back from. The lock is held.
func (c *cell) hanging() string {
	switch c.at {
	case atBirth:
		return "Init"
	case atWork:
		return "Receive"
	case atEnd:
		return "Terminate"
	}
	var names []string
	if c.links != nil {
		for _, l := range c.links.running {
			names = append(names, l.name)
		}
	}
	return "goroutine " + strings.Join(names, ", ")
}

// hangs says whether user code of the cell, which was abandoned, is still running.
func (c *cell) hangs() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.is(scheduled) || c.links != nil && len(c.links.running) > 0
}

func (c *cell) terminateFailed(reason error) {
	c.sys.emit(
		Event{
			Kind:        EventTerminateFailed,
			Path:        c.path(),
			Incarnation: c.incarnation,
			Reason:      reason,
			Stack:       stackOf(reason),
		},
	)
}

func newPanicError(value any) *PanicError { return &PanicError{Value: value, Stack: debug.Stack()} }

func stackOf(reason error) []byte {
	var p *PanicError
	if errors.As(reason, &p) {
		return p.Stack
	}
	return nil
}
