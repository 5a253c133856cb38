// Package lifecycle is the life of a supervision tree that its owner starts, waits for and stops:
// the part that a device agent, a Fedecks client and a Fedecks server have in common.
//
// The owner embeds nothing: it keeps a [Tree] and gives its own Start, Wait, Stop, Done and Run one
// line each.
//
//	func (c *Client) Start(ctx context.Context) error { return c.tree.Start(ctx, options, c.grow) }
//	func (c *Client) Stop(ctx context.Context) error  { return c.tree.Stop(ctx, c.farewell) }
//	func (c *Client) Run(ctx context.Context) error   { return lifecycle.Run(ctx, c) }
//
// No lock is held while actors start, so callbacks may use all methods of the owner meanwhile.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hublink-go/hublink/supervisor"
)

// ErrNotRunning is the error of calls that need a tree which was started and has not ended.
var ErrNotRunning = errors.New("not running: it was not started, or it has ended")

// StopTimeout is how long [Run] lets the tree stop. It is longer than the longest shutdown time of
// an actor.
const StopTimeout = 20 * time.Second

// Options of a tree.
type Options struct {
	Name   string             // of the root; in errors
	System *supervisor.System // to live in; nil: an own one, which ends with the tree
	Own    supervisor.Options // of the own one
}

// Grow starts the actors in sys and returns their root. When it returns an error it has left
// nothing running.
type Grow func(ctx context.Context, sys *supervisor.System) (*supervisor.Supervisor, error)

// Tree is one supervision tree from its start to its end. The zero Tree was not started. All
// methods may be called from any goroutine.
type Tree struct {
	mu    sync.Mutex
	name  string
	own   bool          // sys ends with the tree
	begun chan struct{} // nil: no start, or it failed; closed when Start has returned
	done  chan struct{} // of Done, when that was called before there was a root
	sys   *supervisor.System
	root  *supervisor.Supervisor
}

// Start starts the tree with grow and returns when it runs. A failed start leaves nothing running
// and can be repeated. A tree that was started cannot be started again.
func (t *Tree) Start(ctx context.Context, o Options, grow Grow) error {
	begun := make(chan struct{})
	t.mu.Lock()
	if t.begun != nil {
		t.mu.Unlock()
		return fmt.Errorf("start %s: it was started before; make a new one", o.Name)
	}
	t.begun, t.name = begun, o.Name
	t.mu.Unlock()
	root, err := t.grow(ctx, o, grow)
	t.mu.Lock()
	t.root = root
	done := t.done
	if root == nil {
		t.begun = nil
	}
	t.mu.Unlock()
	close(begun)
	if root != nil && done != nil {
		go func() { // ends with the tree
			<-root.Done()
			close(done)
		}()
	}
	return err
}

func (t *Tree) grow(ctx context.Context, o Options, grow Grow) (*supervisor.Supervisor, error) {
	sys, own := o.System, o.System == nil
	if own {
		var err error
		if sys, err = supervisor.NewSystem(o.Own); err != nil {
			return nil, fmt.Errorf("start %s: %w", o.Name, err)
		}
	}
	t.mu.Lock()
	t.sys, t.own = sys, own
	t.mu.Unlock()
	root, err := grow(ctx, sys)
	if err != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), StopTimeout)
		defer cancel() // ctx itself may be what ended the start
		return nil, errors.Join(fmt.Errorf("start %s: %w", o.Name, err), t.release(stop))
	}
	return root, nil
}

// release ends the system if it is an own one.
func (t *Tree) release(ctx context.Context) error {
	t.mu.Lock()
	sys, own := t.sys, t.own
	t.mu.Unlock()
	if !own {
		return nil
	}
	report, err := sys.Shutdown(ctx)
	return errors.Join(err, report.Err())
}

// Root returns the root of the tree, also after its end; nil before Start has returned and after a
// failed start.
func (t *Tree) Root() *supervisor.Supervisor {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.root
}

// Alive reports whether the tree was started and has not ended.
func (t *Tree) Alive() bool {
	root := t.Root()
	if root == nil {
		return false
	}
	select {
	case <-root.Done():
		return false
	default:
		return true
	}
}

// Ref returns the logical name of the actor at path below the root. The tree must have been started
// or be starting.
func (t *Tree) Ref(path string) supervisor.Ref {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sys.Ref(t.name + "/" + path)
}

// Done returns a channel that is closed when the tree has ended. It may be called before Start.
func (t *Tree) Done() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.root != nil {
		return t.root.Done()
	}
	if t.done == nil {
		t.done = make(chan struct{})
	}
	return t.done
}

// Wait blocks until the tree has ended: nil after Stop, otherwise the reason for which its root
// gave up. It waits for a start under way, and returns [ErrNotRunning] without one.
func (t *Tree) Wait() error {
	root, _ := t.started(context.Background())
	if root == nil {
		return ErrNotRunning
	}
	return root.Wait()
}

// Stop calls before, which may be nil, then stops the actors in order, the last started first. It
// waits for a start under way; without one it does nothing. It is idempotent and bounded by ctx: an
// actor that does not stop in its time is abandoned and named in the error.
func (t *Tree) Stop(ctx context.Context, before func(context.Context)) error {
	root, err := t.started(ctx)
	if root == nil || err != nil {
		return err
	}
	if before != nil && t.Alive() {
		before(ctx)
	}
	report, err := root.Stop(ctx)
	return errors.Join(err, report.Err(), t.release(ctx))
}

// started returns the root when a start under way has come to its end; nil without a start.
func (t *Tree) started(ctx context.Context) (*supervisor.Supervisor, error) {
	t.mu.Lock()
	begun := t.begun
	t.mu.Unlock()
	if begun == nil {
		return nil, nil //nolint:nilnil // no start is no error
	}
	select {
	case <-begun:
		return t.Root(), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("stop %s, which is still being started: %w", t.name, ctx.Err())
	}
}

// Agent is the owner of a tree, as [Run] needs it.
type Agent interface {
	Start(ctx context.Context) error
	Done() <-chan struct{}
	Stop(ctx context.Context) error
	Wait() error
}

// Run starts a and blocks until it ends or ctx does. Then it stops a, within [StopTimeout], and
// returns what Wait and Stop return.
func Run(ctx context.Context, a Agent) error {
	if err := a.Start(ctx); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-a.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), StopTimeout)
	defer cancel()
	err := a.Stop(stop)
	return errors.Join(a.Wait(), err)
}
