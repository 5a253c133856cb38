package supervisor

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// goroutines is the linked goroutines of one incarnation and the context that stops them. The
// cell's lock guards it.
type goroutines struct {
	running []*goroutine
	ctx     context.Context
	cancel  context.CancelFunc
	given   bool // Ctx.Context has returned ctx: it lives as long as the incarnation
}

// goroutine is one linked goroutine.
type goroutine struct{ name string }

// Control messages of linked goroutines to their actor.
type (
	goroutineFailed struct{ reason error }
	goroutinesGone  struct{} // after Terminate: the last one has returned
)

// context returns the context of the incarnation, and makes it if there is none. exiting reports
// whether it has to be cancelled from the start.
func (g *goroutines) context(exiting bool) context.Context {
	if g.ctx == nil {
		g.ctx, g.cancel = context.WithCancel(context.Background())
		if exiting {
			g.cancel()
		}
	}
	return g.ctx
}

// remove takes one that has returned off the list and reports whether it was the last. The last one
// takes the context with it, unless the actor has it too.
func (g *goroutines) remove(r *goroutine) (last bool) {
	for i := range g.running {
		if g.running[i] == r {
			n := len(g.running) - 1
			g.running[i], g.running[n] = g.running[n], nil
			g.running = g.running[:n]
			break
		}
	}
	if len(g.running) > 0 {
		return false
	}
	g.running = nil
	if g.ctx != nil && !g.given {
		g.cancel()
		g.ctx, g.cancel = nil, nil
	}
	return true
}

// hasGoroutines reports whether linked goroutines run.
func (l *links) hasGoroutines() bool { return l != nil && len(l.goroutines.running) > 0 }

// goroutineNames returns the names of the linked goroutines that run.
func (l *links) goroutineNames() string {
	if l == nil {
		return ""
	}
	var names []string
	for _, g := range l.goroutines.running {
		names = append(names, g.name)
	}
	return strings.Join(names, ", ")
}

// cancelContext cancels the context of the incarnation, if there is one.
func (c *cell) cancelContext() {
	c.mailbox.mu.Lock()
	defer c.mailbox.mu.Unlock()
	if c.links != nil && c.links.goroutines.cancel != nil {
		c.links.goroutines.cancel()
	}
}

// context returns the context of the incarnation to the actor.
func (a *shell) context() context.Context {
	a.cell.mailbox.mu.Lock()
	defer a.cell.mailbox.mu.Unlock()
	g := &a.cell.linked().goroutines
	g.given = true
	return g.context(a.cell.mailbox.life.stage >= inTerminate)
}

// spawn starts a linked goroutine, unless the incarnation is exiting.
func (a *shell) spawn(name string, f func(ctx context.Context) error) {
	c := &a.cell
	c.mailbox.mu.Lock()
	defer c.mailbox.mu.Unlock()
	if c.mailbox.life.exiting() {
		return
	}
	g := &c.linked().goroutines
	r := &goroutine{name: name}
	g.running = append(g.running, r)
	go a.runGoroutine(g.context(false), r, f)
}

// runGoroutine is a linked goroutine: spawn starts it, and it returns by itself or when its context
// is cancelled.
func (a *shell) runGoroutine(ctx context.Context, r *goroutine, f func(ctx context.Context) error) {
	reason := ErrGoexit
	defer func() {
		if v := recover(); v != nil {
			reason = newPanicError(v)
		}
		a.returned(r, reason)
	}()
	reason = f(ctx)
}

// returned handles the return of a linked goroutine. A reason makes a working actor exit; in an
// exiting one, a panic is an event.
func (a *shell) returned(r *goroutine, reason error) {
	c := &a.cell
	c.mailbox.mu.Lock()
	last := c.links.goroutines.remove(r)
	life := c.mailbox.life
	c.mailbox.mu.Unlock()
	var panicked *PanicError
	switch {
	case reason == nil:
	case !life.exiting():
		c.tell(goroutineFailed{reason: fmt.Errorf("goroutine %s: %w", r.name, reason)})
	case errors.As(reason, &panicked):
		reason = fmt.Errorf("goroutine %s: %w", r.name, reason)
		c.emit(Event{Kind: EventTerminateFailed, Reason: reason})
	}
	switch {
	case !last:
	case life.is(abandoned):
		c.sys.abandonments.remove(c)
	case life.stage == inGoroutines:
		c.tell(goroutinesGone{})
	}
}

// awaitGoroutines reports whether linked goroutines still run. If so, goroutinesGone follows.
func (a *shell) awaitGoroutines() bool {
	a.cell.mailbox.mu.Lock()
	defer a.cell.mailbox.mu.Unlock()
	if !a.cell.links.hasGoroutines() {
		return false
	}
	a.cell.mailbox.life.stage = inGoroutines
	return true
}
