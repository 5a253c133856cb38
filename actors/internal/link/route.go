package link

import (
	"net/url"
	"sync"
	"time"

	"github.com/hublink-go/hublink/protocol"
)

// route chooses which of the hub's URLs is dialled. One that works is kept; one that fails is left
// for the next in turn, and for as long as it has asked to be left alone (Retry-After). That is its
// own wish: the others are not kept waiting for it.
type route struct {
	all []*url.URL

	mu   sync.Mutex
	at   int
	rest []time.Time // until when each of all is left alone; nil: nobody has asked
}

// now is the URL to dial.
func (r *route) now() *url.URL {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[r.at]
}

// failed goes on to the next URL that may be dialled and returns zero; when all are to be left
// alone, to the one that is to be the shortest, and returns how long that is.
func (r *route) failed(now time.Time, after time.Duration) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if after > 0 {
		if r.rest == nil {
			r.rest = make([]time.Time, len(r.all))
		}
		r.rest[r.at] = now.Add(min(after, protocol.RetryAfterMax))
	}
	first := r.at
	var soonest time.Duration
	for i := range r.all {
		next := (first + 1 + i) % len(r.all)
		wait := r.resting(next, now)
		if i == 0 || wait < soonest {
			r.at, soonest = next, wait
		}
		if soonest == 0 {
			break
		}
	}
	return soonest
}

// resting is how long a URL is still to be left alone. The lock is held.
func (r *route) resting(i int, now time.Time) time.Duration {
	if r.rest == nil {
		return 0
	}
	return max(0, r.rest[i].Sub(now))
}
