package fedecks

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// waits are how long clients that fail again and again wait before each attempt.
func waits(t *testing.T, clients, attempts int) [][]time.Duration {
	all := make([][]time.Duration, attempts)
	for i := range clients {
		c := NewClient(ClientConfig{DeviceID: "d"}, rand.New(rand.NewPCG(uint64(i), 1)))
		now := epoch
		c.Step(now, ClientInput{Kind: ClientStart, Token: "XCP.t"}, nil)
		for n := range attempts {
			now = c.Deadline()
			out := c.Step(now, ClientInput{}, nil)
			gen := out[len(out)-1].Gen
			c.Step(now, ClientInput{Kind: ClientDialFailed, Gen: gen}, nil)
			require.Equal(t, Scheduled, c.Status())
			all[n] = append(all[n], c.Deadline().Sub(now))
		}
	}
	return all
}

// Fault 6: after an outage thousands of devices come back spread over the whole wait, which doubles
// up to a minute.
func TestWaitsAreSpread(t *testing.T) {
	const clients = 2000
	limit := time.Second
	for n, w := range waits(t, clients, 12) {
		limit = min(2*limit, time.Minute)
		slices.Sort(w)
		require.GreaterOrEqual(t, w[0], time.Second, "attempt %d", n)
		require.LessOrEqual(t, w[clients-1], limit, "attempt %d", n)
		// uniform: quarters are where quarters should be
		for _, part := range []float64{0.25, 0.5, 0.75} {
			want := time.Second + time.Duration(part*float64(limit-time.Second))
			got := w[int(part*clients)]
			require.InDelta(
				t,
				float64(want),
				float64(got),
				0.06*float64(limit),
				"attempt %d: %v of the clients wait less",
				n,
				part,
			)
		}
	}
}

// The first attempt after a start, as after a power cut of a whole site, is spread too.
func TestFirstAttemptsAreSpread(t *testing.T) {
	var first []time.Duration
	for i := range 1000 {
		c := NewClient(ClientConfig{DeviceID: "d"}, rand.New(rand.NewPCG(uint64(i), 2)))
		c.Step(epoch, ClientInput{Kind: ClientStart, Token: "XCP.t"}, nil)
		first = append(first, c.Deadline().Sub(epoch))
	}
	slices.Sort(first)
	require.Less(t, first[100], 2*time.Second)
	require.Greater(t, first[900], 8*time.Second)
	require.LessOrEqual(t, first[999], 10*time.Second)
}
