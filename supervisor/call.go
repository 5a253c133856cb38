package supervisor

import (
	"context"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
)

// Call sends req to r and returns what the actor passes to [Ctx.Reply]. A reply that is an error is
// returned as the error, unless R is one.
//
// It fails at once with a *DownError when the actor exits before it has replied, with ErrNoProc
// when no actor is alive under the name, with ErrMailboxFull when the policy of its mailbox says
// so, and with ErrUnexpected when the actor does not know the request. It fails with ctx's error
// when ctx ends; nothing else bounds the wait for an actor that does not reply.
//
// An actor that calls blocks its own turn: prefer Send and a message back. An actor that calls
// itself waits until ctx ends.
func Call[R any](ctx context.Context, r Ref, req any) (R, error) {
	var zero R
	v, err := r.call(ctx, req)
	if err != nil {
		return zero, fmt.Errorf("call %s: %w", r.path, err)
	}
	if res, ok := v.(R); ok {
		return res, nil
	}
	if err, ok := v.(error); ok {
		return zero, err
	}
	return zero, fmt.Errorf("call %s with a %T: the answer is a %T, not a %T", r.path, req, v, zero)
}

// Caller is the sender of a Call that is still open. Any goroutine may reply to it, also after
// Receive has returned. The zero Caller has none.
type Caller struct{ l *call }

// Reply answers the Call and reports whether the caller still waited.
func (c Caller) Reply(v any) bool { return c.l != nil && c.l.reply(v) }

// call is one request to an actor. Its list holds it until it is answered or its caller leaves.
type call struct {
	req        any
	callee     *cell
	out        chan answer
	prev, next *call
	from       *actor.PID // a request of a protoactor actor instead: only from is set
	listed     bool
}

// answer to a call or an order.
type answer struct {
	v   any
	err error
}

// calls is the list of open calls. The cell's lock guards it.
type calls struct{ first *call }

func (l *calls) add(c *call) {
	c.next, c.listed = l.first, true
	if c.next != nil {
		c.next.prev = c
	}
	l.first = c
}

func (l *calls) remove(c *call) {
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		l.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.prev, c.next, c.listed = nil, nil, false
}

func (r Ref) call(ctx context.Context, req any) (any, error) {
	if req == nil {
		return nil, ErrNilMessage
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := r.cell()
	if c == nil {
		return nil, ErrNoProc
	}
	l := &call{req: req, callee: c, out: make(chan answer, 1)}
	if err := c.postCall(l); err != nil {
		return nil, err
	}
	select {
	case a := <-l.out:
		return a.v, a.err
	case <-ctx.Done():
		l.take()
		return nil, ctx.Err()
	}
}

// postCall puts l into the mailbox and the list.
func (c *cell) postCall(l *call) error {
	if err := c.role.answerable(l); err != nil {
		return err
	}
	c.mailbox.mu.Lock()
	dropped, err := c.mailbox.put(l, c.policy())
	if err == nil {
		c.linked().calls.add(l)
	}
	wake := err == nil && c.mailbox.life.schedule()
	c.mailbox.mu.Unlock()
	c.posted(dropped, wake)
	return err
}

// take takes the call off its list and reports whether it was there. Only the one who took it may
// answer it.
func (l *call) take() bool {
	l.callee.mailbox.mu.Lock()
	defer l.callee.mailbox.mu.Unlock()
	if !l.listed {
		return false
	}
	l.callee.links.calls.remove(l)
	return true
}

// reply answers the call and reports whether it was open.
func (l *call) reply(v any) bool {
	if !l.take() {
		return false
	}
	l.out <- answer{v: v}
	return true
}

// fail answers the call with an error, if it is open.
func (l *call) fail(err error) {
	if l.take() {
		l.out <- answer{err: err}
	}
}

// failCalls fails every open call, because the callee has exited for reason.
func (c *cell) failCalls(reason error) {
	for {
		c.mailbox.mu.Lock()
		var l *call
		if c.links != nil {
			l = c.links.calls.first
		}
		c.mailbox.mu.Unlock()
		if l == nil {
			return
		}
		l.fail(&DownError{Path: c.path(), Reason: reason})
	}
}
