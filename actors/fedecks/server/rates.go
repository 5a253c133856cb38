package server

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxAddresses bounds how many addresses are remembered. They take about 1.4 MB.
const maxAddresses = 10_000

// rates limits the connection attempts of each address with a token bucket.
type rates struct {
	limit rate.Limit
	burst int

	mu      sync.Mutex
	buckets map[string]*rate.Limiter
	swept   time.Time
}

// newRates returns a limit of perSecond attempts for each address, burst of them at once. A
// negative perSecond means no limit.
func newRates(perSecond float64, burst int) *rates {
	return &rates{limit: rate.Limit(perSecond), burst: burst, buckets: map[string]*rate.Limiter{}}
}

// allow reports whether addr may attempt to connect now, and counts the attempt.
func (r *rates) allow(addr string, now time.Time) bool {
	if r.limit < 0 {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.buckets[addr]
	if b == nil {
		if len(r.buckets) >= maxAddresses {
			r.sweep(now)
		}
		b = rate.NewLimiter(r.limit, r.burst)
		r.buckets[addr] = b
	}
	return b.AllowN(now, 1)
}

// sweep makes room for one address. It forgets the addresses whose bucket is full again, at most
// once a second, because that looks at all of them. When there are none, it forgets any one.
func (r *rates) sweep(now time.Time) {
	if now.Sub(r.swept) >= time.Second {
		r.swept = now
		for addr, b := range r.buckets {
			if b.TokensAt(now) >= float64(r.burst) {
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
