package supervisor

import (
	"fmt"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// mailbox holds the messages of one cell until its turn, and the lock of the cell. Control messages
// are those of the supervision itself; they come before all others and no policy bounds them.
type mailbox struct {
	mu      sync.Mutex // guards the mailbox, life and the links of the cell
	user    queue      // what actors and callers sent
	control queue
	life    life
}

// origin of a message in a mailbox.
type origin uint8

const (
	nothing   origin = iota // the mailbox is empty
	nowhere                 // the cell was abandoned
	fromOwner               // a control message
	fromUser
)

// always reports whether msg fits into a full mailbox and is not counted when it is dropped.
func always(msg any) bool {
	switch msg.(type) {
	case *timer, Down:
		return true
	default:
		return false
	}
}

func droppable(msg any) bool { return !always(msg) }

// put appends msg as far as the policy allows. dropped is the message that the policy gives up for
// it: an older one, or msg itself. The lock is held.
func (m *mailbox) put(msg any, p MailboxPolicy) (dropped any, err error) {
	if m.life.is(closed) {
		return nil, ErrNoProc
	}
	if p.Capacity > 0 && int(m.user.n) >= p.Capacity && !always(msg) {
		switch p.Overflow {
		case Refuse:
			return nil, ErrMailboxFull
		case DropNewest:
			return msg, nil
		default:
			oldest, ok := m.user.dropFirst(droppable)
			if !ok { // it is full of what always fits
				return msg, nil
			}
			dropped = oldest
		}
	}
	m.user.push(msg)
	return dropped, nil
}

// putControl appends a control message. ok is false when the cell reads no more of them. wake
// reports whether the caller has to give the cell to a worker.
func (m *mailbox) putControl(msg any) (wake, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.life.is(exited | abandoned) {
		return false, false
	}
	m.control.push(msg)
	return m.life.schedule(), true
}

// next takes the next message out. With the origins nothing and nowhere the turn is over.
func (m *mailbox) next() (any, origin) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.life.is(abandoned):
		m.life.unmark(scheduled)
		return nil, nowhere
	case m.control.n > 0:
		msg := m.control.pop()
		if m.control.n == 0 {
			m.control.release()
		}
		return msg, fromOwner
	case m.user.n > 0:
		return m.user.pop(), fromUser
	}
	m.life.unmark(scheduled)
	return nil, nothing
}

// close refuses further messages of others and returns those that it held.
func (m *mailbox) close() (dropped []any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.life.mark(closed)
	for m.user.n > 0 {
		if msg := m.user.pop(); droppable(msg) {
			dropped = append(dropped, msg)
		}
	}
	m.user.release()
	return dropped
}

// closeControl refuses control messages too, and returns the orders among those that it held. ok is
// false when the cell was abandoned, which has closed it already.
func (m *mailbox) closeControl() (orders []*order, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.life.is(abandoned) {
		return nil, false
	}
	m.life.mark(exited)
	for m.control.n > 0 {
		if o, ok := m.control.pop().(*order); ok {
			orders = append(orders, o)
		}
	}
	m.control.release()
	return orders, true
}

// enter sets the stage.
func (m *mailbox) enter(s stage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.life.stage = s
}

// isAbandoned reports whether the supervisor no longer waits for the cell.
func (m *mailbox) isAbandoned() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.life.is(abandoned)
}

// unregister notes that protoactor forgets the PID, and reports whether it knew it. The lock is not
// held.
func (m *mailbox) unregister() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	was := m.life.is(registered)
	m.life.unmark(registered)
	return was
}

// size returns how many messages of others wait.
func (m *mailbox) size() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int(m.user.n)
}

// typeOf returns the name of the type of a message, without its wrapping. Events and logs show a
// message only so, because it may hold secrets.
func typeOf(msg any) string {
	switch m := msg.(type) {
	case *call:
		msg = m.req
	case *actor.MessageEnvelope:
		msg = m.Message
	}
	return fmt.Sprintf("%T", msg)
}
