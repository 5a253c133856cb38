package extension

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAlarmsRingInTheOrderOfTheirTimes(t *testing.T) {
	start := time.Unix(100, 0)
	var a alarms
	a.set(start, "late", 3*time.Second)
	a.set(start, "early", time.Second)
	a.set(start, "replaced", time.Second)
	a.set(start, "replaced", 2*time.Second)
	a.set(start, "removed", time.Second)
	a.set(start, "removed", -1)
	require.Equal(t, start.Add(time.Second), a.deadline())
	_, ok := a.ring(start)
	require.False(t, ok, "none is due")
	for _, want := range []string{"early", "replaced", "late"} {
		name, ok := a.ring(start.Add(time.Hour))
		require.True(t, ok)
		require.Equal(t, want, name)
	}
	require.Zero(t, a.deadline())
}
