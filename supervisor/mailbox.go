package supervisor

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
)

// origin of a message in a mailbox.
type origin uint8

const (
	fromNobody origin = iota
	fromMachinery
	fromOthers
)

// alwaysFits are messages that no policy keeps out.
func alwaysFits(msg any) bool {
	switch msg.(type) {
	case *timer, Down:
		return true
	default:
		return false
	}
}

func mayDrop(msg any) bool { return !alwaysFits(msg) }

// post is Send to this very incarnation.
func (c *cell) post(msg any) error {
	c.mu.Lock()
	lost, err := c.put(msg)
	wake := err == nil && c.schedule()
	c.mu.Unlock()
	c.posted(lost, wake)
	return err
}

func (c *cell) policy() MailboxPolicy {
	if c.rec == nil {
		return MailboxPolicy{}
	}
	return c.rec.spec.Mailbox
}

// put appends msg, as far as the policy lets it, and returns what was lost for it. The lock is
// held.
func (c *cell) put(msg any) (lost any, err error) {
	if c.is(closed) {
		return nil, ErrNoProc
	}
	if policy := c.policy(); policy.Capacity > 0 && int(c.user.n) >= policy.Capacity &&
		!alwaysFits(msg) {
		switch policy.Overflow {
		case Refuse:
			return nil, ErrMailboxFull
		case DropNewest:
			return msg, nil
		default:
			dropped, ok := c.user.dropFirst(mayDrop)
			if !ok { // full of what always fits
				return msg, nil
			}
			lost = dropped
		}
	}
	c.user.push(msg)
	return lost, nil
}

// schedule says whether the cell has to be given to a worker. The lock is held.
func (c *cell) schedule() bool {
	if c.is(scheduled) {
		return false
	}
	c.flags |= scheduled
	return true
}

func (c *cell) posted(lost any, wake bool) {
	if wake {
		c.sys.pool.submit(c)
	}
	if lost != nil {
		c.reportLost([]any{lost})
		if l, ok := lost.(*call); ok {
			l.fail(ErrMailboxFull)
		}
	}
}

// tell puts a message of the machinery into the mailbox. It is handled before those of others.
// False: nobody will ever read it.
func (c *cell) tell(msg any) bool {
	c.mu.Lock()
	if c.is(dead | abandoned) {
		c.mu.Unlock()
		return false
	}
	c.control.push(msg)
	wake := c.schedule()
	c.mu.Unlock()
	if wake {
		c.sys.pool.submit(c)
	}
	return true
}

// next takes the next message out, or ends the turn.
func (c *cell) next() (any, origin) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.is(abandoned):
	case c.control.n > 0:
		msg := c.control.pop()
		if c.control.n == 0 {
			c.control.release()
		}
		return msg, fromMachinery
	case c.user.n > 0:
		return c.user.pop(), fromOthers
	}
	c.flags &^= scheduled
	if c.is(abandoned) {
		c.mu.Unlock()
		c.sys.hanging.forget(c)
		c.mu.Lock()
	}
	return nil, fromNobody
}

// shut closes the mailbox for others and empties it.
func (c *cell) shut() (lost []any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flags |= closed
	for c.user.n > 0 {
		if msg := c.user.pop(); mayDrop(msg) {
			lost = append(lost, msg)
		}
	}
	c.user.release()
	return lost
}

// kill closes the mailbox for the machinery too and returns the orders that nobody will carry out.
// False: the cell was abandoned.
func (c *cell) kill() (orders []*order, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.is(abandoned) {
		return nil, false
	}
	c.flags |= dead
	for c.control.n > 0 {
		if o, ok := c.control.pop().(*order); ok {
			orders = append(orders, o)
		}
	}
	c.control.release()
	return orders, true
}

// reportLost tells of messages that nobody will read. They appear by type only.
func (c *cell) reportLost(msgs []any) {
	if len(msgs) == 0 {
		return
	}
	c.sys.emit(
		Event{
			Kind:        EventDropped,
			Path:        c.path(),
			Incarnation: c.incarnation,
			Count:       len(msgs),
			Detail:      typeOf(msgs[0]),
		},
	)
}

func typeOf(msg any) string {
	switch m := msg.(type) {
	case *call:
		msg = m.req
	case *actor.MessageEnvelope:
		msg = m.Message
	}
	return fmt.Sprintf("%T", msg)
}

// PostUserMessage implements actor.Mailbox: it is how actors that know the PID send.
func (c *cell) PostUserMessage(msg any) {
	if msg != nil && c.post(msg) != nil {
		c.reportLost([]any{msg})
	}
}

// PostSystemMessage implements actor.Mailbox.
func (c *cell) PostSystemMessage(msg any) {
	// the others suspend and resume mailboxes, for restarts that are not used here
	if _, ok := msg.(actor.SystemMessage); ok {
		c.tell(msg)
	}
}

// RegisterHandlers implements actor.Mailbox. Turns are given by the System's own pool.
func (c *cell) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.invoker = invoker
}

// Start implements actor.Mailbox: the first turn begins.
func (c *cell) Start() { c.sys.pool.submit(c) }

// UserMessageCount implements actor.Mailbox.
func (c *cell) UserMessageCount() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int(c.user.n)
}
