package protocol

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRestartBringsNoSecondWave closes the sockets of a fleet with 1012 at once, keeps the hub down
// for a while, and counts the later dials in each second. A dial while the hub is down fails at the
// port and does not count.
func TestRestartBringsNoSecondWave(t *testing.T) {
	const devices = 8000
	for _, tt := range []struct {
		down, within time.Duration
		percent      int
	}{
		{0, 10 * time.Second, 12},
		{500 * time.Millisecond, 30 * time.Second, 12},
		{2 * time.Second, 30 * time.Second, 13},
		{5 * time.Second, 30 * time.Second, 15},
	} {
		t.Run(tt.down.String(), func(t *testing.T) {
			rng := newRand()
			var asked []time.Duration
			for range devices {
				asked = append(asked, comeBack(rng, tt.down))
			}
			slices.Sort(asked)
			require.Less(t, asked[devices-1], tt.within, "all are back")
			busiest, from := 0, 0
			for to, at := range asked {
				for asked[from] <= at-time.Second {
					from++
				}
				busiest = max(busiest, to-from+1)
			}
			t.Logf(
				"the busiest second: %.1f %% of the fleet; the last one after %v",
				100*float64(busiest)/devices,
				asked[devices-1],
			)
			require.LessOrEqual(t, busiest, devices*tt.percent/100, "the busiest second, wherever it starts")
		})
	}
}

// comeBack runs one device until it is connected again to a hub that was down for a time, and
// returns the time of that.
func comeBack(rng *rand.Rand, down time.Duration) time.Duration {
	s := socketAt(epoch, rng)
	s.Step(epoch, SocketInput{Kind: SocketJoined}, nil)
	restart := epoch.Add(time.Hour)
	s.Step(restart, SocketInput{Kind: SocketLost, Code: CloseServiceRestart}, nil)
	for {
		now := s.Deadline()
		s.Step(now, SocketInput{}, nil)
		if now.Sub(restart) >= down {
			return now.Sub(restart)
		}
		s.Step(now, SocketInput{Kind: SocketDialFailed}, nil)
	}
}
