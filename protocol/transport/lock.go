package transport

import "sync/atomic"

// lock is a mutex whose holder may wait for the peer. Virtual time (testing/synctest) stops while a
// goroutine waits for a sync.Mutex and continues while it waits for a channel, so waiters use a
// channel. An uncontended channel takes three times as long and 100 bytes, so the first waiter
// makes it. The zero value is unlocked.
type lock struct {
	users atomic.Int32                  // the holder and the waiters
	next  atomic.Pointer[chan struct{}] // a holder sends to it when others wait
}

func (l *lock) take() {
	if l.users.Add(1) > 1 {
		<-l.turns()
	}
}

func (l *lock) leave() {
	if l.users.Add(-1) > 0 {
		l.turns() <- struct{}{}
	}
}

// turns returns the channel of all waiters.
func (l *lock) turns() chan struct{} {
	if c := l.next.Load(); c != nil {
		return *c
	}
	c := make(chan struct{}, 1)
	if l.next.CompareAndSwap(nil, &c) {
		return c
	}
	return *l.next.Load()
}
