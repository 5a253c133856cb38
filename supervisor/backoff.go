package supervisor

import "time"

const defaultBackoffMax = 30 * time.Second

// chance is a source of random numbers: a *rand.Rand, or one that several supervisors share.
type chance interface {
	// Int64N returns a number in [0, n).
	Int64N(n int64) int64
}

// max returns the longest wait.
func (b Backoff) max() time.Duration { return max(b.Min, orDefault(b.Max, defaultBackoffMax)) }

// delay returns the wait before the n-th restart in a row, n from 1.
func (b Backoff) delay(n uint32, from chance) time.Duration {
	if b.Min <= 0 {
		return 0
	}
	top := b.Min
	for ; n > 1 && top < b.max(); n-- {
		top *= 2
	}
	top = min(top, b.max())
	return b.Min + time.Duration(from.Int64N(int64(top-b.Min)+1))
}
