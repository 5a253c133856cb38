package supervisor

import (
	"context"
	"io"
	"time"
)

// Ctx is one incarnation as its [Behavior] sees it. Its methods are for the actor's own turn,
// except where they say otherwise.
type Ctx struct{ a *shell }

// Self returns the actor's logical name. It outlives the incarnation: what is sent there reaches
// the next one.
func (c *Ctx) Self() Ref { return c.a.ref() }

// Path returns the actor's path, like "device-x/link/connection".
func (c *Ctx) Path() string { return c.a.path() }

// Incarnation returns the number of this incarnation, unique in the System and growing.
func (c *Ctx) Incarnation() uint64 { return c.a.incarnation }

// Context returns a context that ends when the actor is asked to stop or ends by itself. It bounds
// what blocks in Init or Receive.
func (c *Ctx) Context() context.Context {
	c.a.mu.Lock()
	defer c.a.mu.Unlock()
	ctx := c.a.context()
	c.a.links.given = true
	return ctx
}

// Keep puts v into the heir slot key: the next incarnation may take it, whatever the restart was
// for. It is closed when nobody inherits: when the child has ended for good, was removed, or its
// supervisor ends, and when this actor has to be abandoned, which may still use it. Another value
// in the same slot is closed; Keep(key, nil) empties the slot without closing.
func (c *Ctx) Keep(key string, v io.Closer) {
	if done := c.a.keep(key, v); done != nil {
		c.a.closeSlot(slot{key: key, v: done})
	}
}

// Go starts a linked goroutine. Its context ends when the actor is asked to stop or ends by itself,
// and may end once the goroutine has. A panic, an error and runtime.Goexit end the actor with that
// reason; nil ends nothing. The actor's end waits for its goroutines as long as its Shutdown
// allows. In Terminate and later nothing is started. A linked goroutine may start others with it.
func (c *Ctx) Go(name string, f func(ctx context.Context) error) { c.a.start(name, f) }

// After sends msg to this incarnation after d. In Terminate and later it does nothing and returns
// the zero Timer.
func (c *Ctx) After(d time.Duration, msg any) Timer {
	if msg == nil {
		return Timer{}
	}
	return c.a.after(d, msg)
}

// Monitor makes r's end come as a [Down] message; at once, with ErrNoProc, when nobody lives there.
// It watches the incarnation that lives now. Watching the same one again changes nothing.
func (c *Ctx) Monitor(r Ref) { c.a.watch(r) }

// Reply answers the Call whose request is being handled, or the request of a protoactor actor. When
// there is nothing to be answered, that is an event; a caller who gave up is not.
func (c *Ctx) Reply(v any) {
	a := c.a
	switch {
	case a.call != nil:
		a.call.reply(v)
		a.call = nil
	case a.from != nil:
		a.sys.as.Root.Send(a.from, v)
		a.from = nil
	default:
		a.sys.emit(
			Event{Kind: EventNotACall, Path: a.path(), Incarnation: a.incarnation, Detail: typeOf(v)},
		)
	}
}

// Caller returns who waits for the answer, to be answered later; Reply has nothing to answer any
// more then. The zero Caller: nobody.
func (c *Ctx) Caller() Caller {
	l := c.a.call
	c.a.call = nil
	return Caller{l: l}
}

// Unexpected reports a message that the actor does not know. It returns nil: such a message ends
// nobody. The caller of a Call gets an error at once.
func (c *Ctx) Unexpected(msg any) error {
	a := c.a
	a.sys.emit(
		Event{Kind: EventUnexpected, Path: a.path(), Incarnation: a.incarnation, Detail: typeOf(msg)},
	)
	if a.call != nil {
		a.call.fail(ErrUnexpected)
		a.call = nil
	}
	return nil
}

// Checkpoint is a place where tests may crash the actor, see [Options.Inject]. It costs nothing in
// production.
func (c *Ctx) Checkpoint(name string) { c.a.inject(name) }
