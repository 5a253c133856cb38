package supervisor

import "time"

// intensity counts restarts in a sliding window. It is pure: the caller brings the time.
type intensity struct {
	limit Intensity
	times []time.Duration // the newest limit.Max restarts, oldest first
}

// newIntensity returns an empty window. The zero limit means 3 within 5 s, which is our decision:
// OTP has 1 within 5 s.
func newIntensity(limit Intensity) intensity {
	if limit == (Intensity{}) {
		limit = Intensity{Max: 3, Within: 5 * time.Second}
	}
	return intensity{limit: limit}
}

// allow notes a restart at now and reports whether the supervisor may carry it out. As in OTP, a
// restart that lies exactly the whole period back still counts.
func (w *intensity) allow(now time.Duration) bool {
	first := 0
	for first < len(w.times) && now-w.times[first] > w.limit.Within {
		first++
	}
	w.times = append(w.times[:0], w.times[first:]...)
	if len(w.times) >= w.limit.Max {
		return false
	}
	w.times = append(w.times, now)
	return true
}
