package supervisor

import (
	"context"
	"io"
	"time"
)

// Ctx is one incarnation as its [Behavior] sees it. Only the actor's own turn may call its methods,
// except where they say otherwise.
type Ctx struct {
	cell     cell
	behavior Behavior
	reason   error // why it exits
	msg      any   // under way
	call     *call // msg is its request, not answered yet
}

// Self returns the actor's logical name. It outlives the incarnation: a message that is sent to it
// after a restart reaches the next one.
func (c *Ctx) Self() Ref { return c.cell.ref() }

// Path returns the actor's path, like "device-x/link/connection".
func (c *Ctx) Path() string { return c.cell.path() }

// Incarnation returns the number of this incarnation. It is unique in the System and grows.
func (c *Ctx) Incarnation() uint64 { return c.cell.incarnation() }

// Context returns a context that is cancelled when the actor is asked to stop or exits. It bounds
// what blocks in Init or Receive.
func (c *Ctx) Context() context.Context { return (*shell)(c).context() }

// Keep puts v into the heir slot key: the next incarnation may take it with [Heir.Take], for
// whatever reason the restart happens. v is closed when no incarnation can take it any more, that
// is when the child has exited for good or was removed, when its supervisor exits, and when this
// actor is abandoned, although it may still use v then. Keep closes another value that is in the
// slot. Keep(key, nil) empties the slot without closing.
func (c *Ctx) Keep(key string, v io.Closer) { (*shell)(c).keep(key, v) }

// Go starts a linked goroutine. Its ctx is cancelled when the actor is asked to stop or exits, and
// may be cancelled once f has returned. A panic, an error or runtime.Goexit in f makes the actor
// exit with that reason; nil does not. The exit of the actor waits for its goroutines within its
// Shutdown. From Terminate on, Go does nothing. A linked goroutine may call Go too.
func (c *Ctx) Go(name string, f func(ctx context.Context) error) { (*shell)(c).spawn(name, f) }

// After sends msg to this incarnation after d. It returns the zero Timer and does nothing for a nil
// msg, and from Terminate on.
func (c *Ctx) After(d time.Duration, msg any) Timer {
	if msg == nil {
		return Timer{}
	}
	return (*shell)(c).after(d, msg)
}

// Monitor makes the exit of the incarnation that is alive under r arrive as a [Down] message. It
// arrives at once, with ErrNoProc, when none is alive. A second Monitor of one incarnation changes
// nothing.
func (c *Ctx) Monitor(r Ref) { c.cell.monitor(r) }

// Reply answers the Call whose request is being handled, or the request of a protoactor actor. It
// reports EventNotACall when there is none to answer, but not when the caller has left.
func (c *Ctx) Reply(v any) {
	l := c.call
	c.call = nil
	switch {
	case l == nil:
		c.cell.emit(Event{Kind: EventNotACall, Detail: typeOf(v)})
	case l.from != nil:
		c.cell.sys.as.Root.Send(l.from, v)
	default:
		l.reply(v)
	}
}

// Caller returns the sender of the Call whose request is being handled, to be answered later. After
// that Reply has none to answer. It returns the zero Caller when there is no such Call.
func (c *Ctx) Caller() Caller {
	l := c.call
	if l == nil || l.from != nil {
		return Caller{}
	}
	c.call = nil
	return Caller{l: l}
}

// Unexpected reports a message that the actor does not know as EventUnexpected. The sender of a
// Call gets ErrUnexpected. It returns nil, so that a Receive which returns it goes on.
func (c *Ctx) Unexpected(msg any) error {
	c.cell.emit(Event{Kind: EventUnexpected, Detail: typeOf(msg)})
	if l := c.call; l != nil && l.from == nil {
		c.call = nil
		l.fail(ErrUnexpected)
	}
	return nil
}

// Checkpoint is a place where a test may crash the actor, see [Options.Inject]. Without a test it
// does nothing.
func (c *Ctx) Checkpoint(name string) { (*shell)(c).inject(name) }
