package transport

import "sync/atomic"

// lock is a mutex for those who may have to wait for the peer while they hold it: virtual time (testing/synctest) stands still while somebody
// waits for a sync.Mutex, and goes on while somebody waits for a channel. A channel alone takes three times as long when nobody waits.
type lock struct {
	users atomic.Int32  // the holder and those who wait
	next  chan struct{} // gets a value from a holder that leaves while others wait
}

func newLock() lock { return lock{next: make(chan struct{}, 1)} }

func (l *lock) take() {
	if l.users.Add(1) > 1 {
		<-l.next
	}
}

func (l *lock) leave() {
	if l.users.Add(-1) > 0 {
		l.next <- struct{}{}
	}
}
