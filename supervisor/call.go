package supervisor

import (
	"context"
	"fmt"
)

// call is one request that waits for its answer. It stands in the callee's list until it is
// answered or given up.
type call struct {
	req        any
	callee     *cell
	out        chan answer
	prev, next *call
	listed     bool
}

// answer to a call or an order.
type answer struct {
	v   any
	err error
}

// Call sends req to r and waits for what the actor gives to [Ctx.Reply]. It fails at once with a
// *DownError when the actor ends before it has answered, with ErrNoProc when there is none, with
// ErrMailboxFull by the policy of its mailbox, and with ctx's error when ctx ends, which is the
// only bound on an actor that never answers. A reply that is an error is returned as the error,
// unless R is one.
//
// An actor that calls blocks: prefer Send and a message back. One that calls itself waits for ever.
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
		l.leave()
		return nil, ctx.Err()
	}
}

// postCall puts l into the mailbox and the list.
func (c *cell) postCall(l *call) error {
	if err := c.role.answerable(l); err != nil {
		return err
	}
	c.mu.Lock()
	lost, err := c.put(l)
	if err == nil {
		c.list(l)
	}
	wake := err == nil && c.schedule()
	c.mu.Unlock()
	c.posted(lost, wake)
	return err
}

// list notes a call. The lock is held.
func (c *cell) list(l *call) {
	links := c.tied()
	l.next, l.listed = links.calls, true
	if l.next != nil {
		l.next.prev = l
	}
	links.calls = l
}

// leave takes the call out of the list and says whether it was in it: whoever takes it out answers
// it.
func (l *call) leave() bool {
	l.callee.mu.Lock()
	defer l.callee.mu.Unlock()
	if !l.listed {
		return false
	}
	if l.prev != nil {
		l.prev.next = l.next
	} else {
		l.callee.links.calls = l.next
	}
	if l.next != nil {
		l.next.prev = l.prev
	}
	l.prev, l.next, l.listed = nil, nil, false
	return true
}

func (l *call) reply(v any) bool {
	if !l.leave() {
		return false
	}
	l.out <- answer{v: v}
	return true
}

func (l *call) fail(err error) {
	if l.leave() {
		l.out <- answer{err: err}
	}
}

// failCalls fails what was not answered.
func (c *cell) failCalls(reason error) {
	for {
		c.mu.Lock()
		var l *call
		if c.links != nil {
			l = c.links.calls
		}
		c.mu.Unlock()
		if l == nil {
			return
		}
		l.fail(&DownError{Path: c.path(), Reason: reason})
	}
}

// Caller is who waits for the answer to a Call. It may answer after Receive has returned, from any
// goroutine. The zero Caller is nobody.
type Caller struct{ l *call }

// Reply answers and says whether anybody still waited.
func (c Caller) Reply(v any) bool { return c.l != nil && c.l.reply(v) }
