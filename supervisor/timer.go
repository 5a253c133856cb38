package supervisor

import "time"

// Timer is one message that [Ctx.After] will deliver. The zero Timer delivers none.
type Timer struct{ t *timer }

// Stop prevents the delivery and reports whether it did. After true the actor does not get the
// message, even if it was in the mailbox already. Any goroutine may call Stop, and again.
func (t Timer) Stop() bool { return t.t != nil && t.t.stop() }

// timer is one timer of an actor. It stands in the list of its cell until it fires, and then in the
// mailbox. The cell's lock guards it.
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
	timerSpent             // delivered or stopped
)

// timers is the list of timers that are set.
type timers struct{ first *timer }

func (l *timers) add(t *timer) {
	t.next = l.first
	if t.next != nil {
		t.next.prev = t
	}
	l.first = t
}

// remove takes t off the list. It clears t, so that a Timer that the actor keeps holds nothing
// else.
func (l *timers) remove(t *timer) {
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		l.first = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.prev, t.next, t.t, t.state = nil, nil, nil, timerSpent
}

// stopAll stops every timer of the list.
func (l *timers) stopAll() {
	for t := l.first; t != nil; t = l.first {
		t.t.Stop()
		l.remove(t)
	}
}

// after sets a timer, unless the incarnation is exiting.
func (a *shell) after(d time.Duration, msg any) Timer {
	c := &a.cell
	c.mailbox.mu.Lock()
	defer c.mailbox.mu.Unlock()
	if c.mailbox.life.exiting() {
		return Timer{}
	}
	t := &timer{c: c, msg: msg}
	c.linked().timers.add(t)
	t.t = time.AfterFunc(d, t.fire)
	return Timer{t: t}
}

// fire moves the timer into the mailbox. It runs on a goroutine of the runtime.
func (t *timer) fire() {
	c := t.c
	c.mailbox.mu.Lock()
	if t.state != timerSet {
		c.mailbox.mu.Unlock()
		return
	}
	c.links.timers.remove(t)
	_, err := c.mailbox.put(t, c.policy())
	wake := err == nil && c.mailbox.life.schedule()
	if err == nil {
		t.state = timerQueued
	}
	c.mailbox.mu.Unlock()
	c.posted(nil, wake)
}

// take reports whether the timer, which the actor has taken out of the mailbox, was not stopped.
func (t *timer) take() bool {
	t.c.mailbox.mu.Lock()
	defer t.c.mailbox.mu.Unlock()
	queued := t.state == timerQueued
	t.state = timerSpent
	return queued
}

func (t *timer) stop() bool {
	t.c.mailbox.mu.Lock()
	defer t.c.mailbox.mu.Unlock()
	switch t.state {
	case timerSet:
		t.t.Stop()
		t.c.links.timers.remove(t)
		return true
	case timerQueued:
		t.state = timerSpent
		return true
	default:
		return false
	}
}
