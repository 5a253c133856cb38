package drive_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/internal/actortest"
	"github.com/hublink-go/hublink/actors/internal/drive"
	"github.com/hublink-go/hublink/supervisor"
)

// ticking arms its timer with each deadline that it is sent, and notes when ticks come.
type ticking struct {
	timer drive.Timer
	start time.Time
	ticks []time.Duration
}

func (*ticking) Init(*supervisor.Ctx) error { return nil }

func (a *ticking) Receive(ctx *supervisor.Ctx, msg any) error {
	switch m := msg.(type) {
	case time.Time:
		a.timer.Arm(ctx, m)
	case drive.Tick:
		a.ticks = append(a.ticks, time.Since(a.start))
	}
	return nil
}

func (*ticking) Terminate(*supervisor.Ctx, error) {}

func TestTimer(t *testing.T) {
	for name, c := range map[string]struct {
		deadlines []int // seconds from the start; 0 means none
		want      []time.Duration
	}{
		"one":                                   {[]int{3}, []time.Duration{3}},
		"an earlier one replaces":               {[]int{3, 2}, []time.Duration{2}},
		"a later one is left for the next step": {[]int{2, 3}, []time.Duration{2}},
		"none stops it":                         {[]int{2, 0}, nil},
		"one that has passed":                   {[]int{-1}, []time.Duration{0}},
	} {
		t.Run(name, func(t *testing.T) {
			actortest.Run(t, func(w *actortest.World) {
				a := &ticking{start: time.Now()}
				ref := w.Start("a", func(supervisor.Heir) supervisor.Behavior { return a })
				for _, d := range c.deadlines {
					at := a.start.Add(time.Duration(d) * time.Second)
					if d == 0 {
						at = time.Time{}
					}
					w.Tell(ref, at)
				}
				w.Settle(time.Minute)
				for i := range a.ticks {
					a.ticks[i] /= time.Second
				}
				require.Equal(t, c.want, a.ticks)
			})
		})
	}
}

func TestEarliest(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	require.Equal(t, at(2), drive.Earliest(at(3), time.Time{}, at(2)))
	require.Zero(t, drive.Earliest(time.Time{}, time.Time{}))
	require.Zero(t, drive.Earliest())
}
