package supervisor

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestVerdict(t *testing.T) {
	crash := errors.New("boom")
	for _, c := range []struct {
		restart Restart
		reason  error
		want    verdict
	}{
		{Permanent, ErrNormal, restartIt},
		{Permanent, ErrShutdown, restartIt},
		{Permanent, crash, restartIt},
		{Transient, ErrNormal, keepIt},
		{Transient, ErrShutdown, keepIt},
		{Transient, fmt.Errorf("done: %w", ErrNormal), keepIt},
		{Transient, crash, restartIt},
		{Transient, ErrKilled, restartIt},
		{Transient, &PanicError{Value: ErrNormal}, restartIt},
		{Transient, &GaveUpError{Reason: ErrShutdown}, restartIt},
		{Temporary, ErrNormal, removeIt},
		{Temporary, ErrShutdown, removeIt},
		{Temporary, crash, removeIt},
	} {
		require.Equal(t, c.want, verdictOn(c.restart, c.reason), "%v child that exits with %v", c.restart,
			c.reason)
	}
}

func TestAffected(t *testing.T) {
	for _, c := range []struct {
		strategy         Strategy
		i, n, first, end int
	}{
		{OneForOne, 0, 3, 0, 1},
		{OneForOne, 1, 3, 1, 2},
		{OneForOne, 2, 3, 2, 3},
		{OneForAll, 0, 3, 0, 3},
		{OneForAll, 1, 3, 0, 3},
		{OneForAll, 2, 3, 0, 3},
		{RestForOne, 0, 3, 0, 3},
		{RestForOne, 1, 3, 1, 3},
		{RestForOne, 2, 3, 2, 3},
		{Dynamic, 5, 9, 5, 6},
	} {
		first, end := affected(c.strategy, c.i, c.n)
		require.Equal(t, [2]int{c.first, c.end}, [2]int{first, end}, "%v, child %d of %d", c.strategy,
			c.i, c.n)
	}
}

func TestIntensity(t *testing.T) {
	for _, c := range []struct {
		name  string
		limit Intensity
		at    []time.Duration
		want  []bool
	}{
		{
			"default is 3 in 5 s",
			Intensity{},
			[]time.Duration{0, 1, 2, 3},
			[]bool{true, true, true, false},
		},
		{"none at all", Intensity{Within: time.Second}, []time.Duration{0}, []bool{false}},
		{
			"exactly the period back still counts",
			Intensity{1, time.Second},
			[]time.Duration{0, time.Second},
			[]bool{true, false},
		},
		{
			"just over it does not",
			Intensity{1, time.Second},
			[]time.Duration{0, time.Second + 1},
			[]bool{true, true},
		},
		{
			"the window slides",
			Intensity{2, 10 * time.Second},
			[]time.Duration{0, 9 * time.Second, 11 * time.Second, 12 * time.Second},
			[]bool{true, true, true, false},
		},
	} {
		w := newIntensity(c.limit)
		for i, at := range c.at {
			require.Equal(t, c.want[i], w.allow(at), "%s: restart %d", c.name, i+1)
		}
	}
}

func TestIntensityNeverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := Intensity{
			Max:    rapid.IntRange(0, 5).Draw(t, "max"),
			Within: time.Duration(rapid.IntRange(1, 20).Draw(t, "within")),
		}
		w := newIntensity(limit)
		var now time.Duration
		var allowed []time.Duration
		for range rapid.IntRange(0, 50).Draw(t, "restarts") {
			now += time.Duration(rapid.IntRange(0, 10).Draw(t, "wait"))
			recent := 0
			for _, at := range allowed {
				if now-at <= limit.Within {
					recent++
				}
			}
			got := w.allow(now)
			require.Equal(t, recent < limit.Max, got, "%d restarts within %v of %v", recent, limit.Within,
				limit)
			if got {
				allowed = append(allowed, now)
			}
		}
	})
}

func TestBackoffDelay(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	require.Zero(t, Backoff{}.delay(7, rng), "the zero Backoff restarts at once")
	b := Backoff{Min: time.Second, Max: 10 * time.Second}
	for n, top := range map[uint32]int{1: 1, 2: 2, 3: 4, 4: 8, 5: 10, 60: 10, 1 << 31: 10} {
		seen := map[time.Duration]bool{}
		for range 100 {
			d := b.delay(n, rng)
			require.GreaterOrEqual(t, d, b.Min, "restart %d", n)
			require.LessOrEqual(t, d, time.Duration(top)*time.Second, "restart %d", n)
			seen[d] = true
		}
		require.Equal(t, n == 1, len(seen) == 1,
			"restart %d: a thousand devices must not come back in step", n)
	}
	require.Equal(t, 30*time.Second, Backoff{Min: time.Second}.max(), "zero Max")
}
