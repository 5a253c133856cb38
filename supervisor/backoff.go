package supervisor

import (
	"math/rand/v2"
	"time"
)

const defaultBackoffMax = 30 * time.Second

func (b Backoff) max() time.Duration { return max(b.Min, orDefault(b.Max, defaultBackoffMax)) }

// delay returns the wait before the n-th restart in a row, n from 1.
func (b Backoff) delay(n uint32, rng *rand.Rand) time.Duration {
	if b.Min <= 0 {
		return 0
	}
	top := b.Min
	for ; n > 1 && top < b.max(); n-- {
		top *= 2
	}
	top = min(top, b.max())
	return b.Min + time.Duration(rng.Int64N(int64(top-b.Min)+1))
}
