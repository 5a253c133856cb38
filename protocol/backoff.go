package protocol

import (
	"math/rand/v2"
	"time"
)

// Backoff bounds the waits between dials: uniform(Min, min(Max, 2^n * Min)) with n the failures
// since the last join of the device channel. Full jitter keeps a fleet from coming back in step.
type Backoff struct {
	Min time.Duration // zero: 1 s
	Max time.Duration // zero: 60 s
}

// RetryAfterMax is the longest Retry-After (RFC 9110 section 10.2.3) that a Socket follows; it cuts
// a longer one to this.
const RetryAfterMax = 10 * time.Minute

// After close 1012 (service restart, IANA WebSocket registry) the first wait is uniform(0, 10 s). A
// device that then finds the hub down waits uniform(Min, 20 s). Both spreads are decisions, see
// DECISIONS.md.
const (
	restartSpread = 10 * time.Second
	absentSpread  = 20 * time.Second
)

func (b Backoff) withDefaults() Backoff {
	b.Min = orDefault(b.Min, time.Second)
	b.Max = max(orDefault(b.Max, time.Minute), b.Min)
	return b
}

// wait draws the wait after the n-th failure in a row.
func (b Backoff) wait(rng *rand.Rand, n int) time.Duration {
	return uniform(rng, b.Min, b.limit(n))
}

// restart draws the wait after close 1012, which the hub sends to its whole fleet at once.
func (b Backoff) restart(rng *rand.Rand, n int) time.Duration {
	return uniform(rng, 0, max(restartSpread, b.limit(n)))
}

// absent draws the waits of a device that finds the hub down after close 1012, until a socket
// opens. They are wide, so that these devices do not dial together with the rest of the fleet.
func (b Backoff) absent(rng *rand.Rand, n int) time.Duration {
	return uniform(rng, b.Min, max(absentSpread, b.limit(n)))
}

// slow draws the wait of a device whose sockets the hub closes again and again.
func (b Backoff) slow(rng *rand.Rand) time.Duration {
	return uniform(rng, b.Max/2, b.Max)
}

func (b Backoff) limit(n int) time.Duration {
	limit := b.Min
	for range n {
		if limit *= 2; limit >= b.Max {
			return b.Max
		}
	}
	return limit
}

// rejoinDelays are the waits before a channel joins again, as in the Phoenix JavaScript client.
// rejoinDelay adds up to half of the wait.
var rejoinDelays = [...]time.Duration{
	1 * time.Second,
	2 * time.Second,
	5 * time.Second,
	10 * time.Second,
}

// rejoinDelay draws the wait after the n-th failure in a row, n from 1.
func rejoinDelay(rng *rand.Rand, n int) time.Duration {
	base := rejoinDelays[min(max(n, 1), len(rejoinDelays))-1]
	return uniform(rng, base, base+base/2)
}

func uniform(rng *rand.Rand, low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(rng.Int64N(int64(high-low)+1))
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}
