package server

import (
	"sync"
	"time"
)

// maxAddresses bounds what is remembered; about 1 MB.
const maxAddresses = 10_000

// rates limits connection attempts for each address: a bucket that fills up again with time.
type rates struct {
	perSecond float64
	burst     float64

	mu      sync.Mutex
	buckets map[string]bucket
	swept   time.Time
}

type bucket struct {
	left float64
	at   time.Time
}

func newRates(perSecond float64, burst int) *rates {
	return &rates{perSecond: perSecond, burst: float64(burst), buckets: map[string]bucket{}}
}

func (r *rates) allow(addr string, now time.Time) bool {
	if r.perSecond < 0 {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b, ok := r.buckets[addr]
	if !ok {
		if len(r.buckets) >= maxAddresses {
			r.sweep(now)
		}
		b = bucket{left: r.burst, at: now}
	}
	b.left = r.level(b, now)
	b.at = now
	allowed := b.left >= 1
	if allowed {
		b.left--
	}
	r.buckets[addr] = b
	return allowed
}

func (r *rates) level(b bucket, now time.Time) float64 {
	return min(r.burst, b.left+max(0, now.Sub(b.at).Seconds())*r.perSecond)
}

// sweep makes room: it forgets who has a full bucket again, at most once a second because that
// looks at all, and if that is nobody, somebody.
func (r *rates) sweep(now time.Time) {
	if now.Sub(r.swept) >= time.Second {
		r.swept = now
		for addr, b := range r.buckets {
			if r.level(b, now) >= r.burst {
				delete(r.buckets, addr)
			}
		}
	}
	for addr := range r.buckets {
		if len(r.buckets) < maxAddresses {
			return
		}
		delete(r.buckets, addr)
	}
}
