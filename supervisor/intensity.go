package supervisor

import "time"

// intensity counts restarts in a sliding window. It is pure: the caller brings the time.
type intensity struct {
	limit Intensity
	times []time.Time // the newest limit.Max restarts, oldest first
}

func newIntensity(limit Intensity) intensity {
	if limit == (Intensity{}) {
		limit = Intensity{Max: 3, Within: 5 * time.Second}
	}
	return intensity{limit: limit}
}

// allow notes a restart at now and says whether the supervisor may carry it out. As in OTP, a
// restart that lies exactly the whole period back still counts.
func (w *intensity) allow(now time.Time) bool {
	first := 0
	for first < len(w.times) && now.Sub(w.times[first]) > w.limit.Within {
		first++
	}
	w.times = append(w.times[:0], w.times[first:]...)
	if len(w.times) >= w.limit.Max {
		return false
	}
	w.times = append(w.times, now)
	return true
}
