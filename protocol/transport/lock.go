package transport

import "sync/atomic"

// lock is a mutex for those who may have to wait for the peer while they hold it: virtual time
// (testing/synctest) stands still while somebody waits for a sync.Mutex, and goes on while somebody
// waits for a channel. A channel alone takes three times as long when nobody waits, and 100 bytes,
// so it is made when somebody has to. The zero value is free.
type lock struct {
	users atomic.Int32                  // the holder and those who wait
	next  atomic.Pointer[chan struct{}] // gets a value from a holder that leaves while others wait
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

// turns is the same channel for all.
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
