package supervisor

import "time"

// Timer is one message that an actor will get later. The zero Timer is none.
type Timer struct{ t *timer }

// Stop prevents the message and says whether it did: after a true its actor will not get it, even
// if it was in the mailbox already. It may be called from any goroutine, and again.
func (t Timer) Stop() bool { return t.t != nil && t.t.stop() }

// timer waits in its cell's list until it fires, then in its mailbox.
type timer struct {
	c          *cell
	msg        any
	t          *time.Timer
	prev, next *timer
	state      timerState
}

type timerState uint8

const (
	timerSet    timerState = iota
	timerQueued            // in the mailbox
	timerOver              // taken out, stopped, or its cell has ended
)

// after sets a timer, unless the cell has begun to end.
func (c *cell) after(d time.Duration, msg any) Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at >= atEnd || c.is(abandoned) {
		return Timer{}
	}
	l := c.tied()
	t := &timer{c: c, msg: msg, next: l.timers}
	if t.next != nil {
		t.next.prev = t
	}
	l.timers = t
	t.t = time.AfterFunc(d, t.fire)
	return Timer{t: t}
}

// fire puts the timer into the mailbox. It runs in a goroutine of the runtime's.
func (t *timer) fire() {
	c := t.c
	c.mu.Lock()
	if t.state != timerSet {
		c.mu.Unlock()
		return
	}
	c.dropTimer(t)
	_, err := c.put(t)
	wake := err == nil && c.schedule()
	if err == nil {
		t.state = timerQueued
	}
	c.mu.Unlock()
	c.posted(nil, wake)
}

// take says whether the timer, which has come out of the mailbox, still counts.
func (t *timer) take() bool {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	counts := t.state == timerQueued
	t.state = timerOver
	return counts
}

func (t *timer) stop() bool {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	switch t.state {
	case timerSet:
		t.t.Stop()
		t.c.dropTimer(t)
		return true
	case timerQueued:
		t.state = timerOver
		return true
	default:
		return false
	}
}

// dropTimer takes a timer that is set out of the list. The lock is held.
func (c *cell) dropTimer(t *timer) {
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		c.links.timers = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	// a Timer that somebody keeps shall not keep more
	t.prev, t.next, t.t, t.state = nil, nil, nil, timerOver
}
