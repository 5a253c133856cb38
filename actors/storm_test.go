package actors_test

import (
	"context"
	"fmt"
	"io"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/firmware/ramdev"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/hubtest"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/supervisor"
)

// gate stands in front of a hub and counts who comes, second by second.
type gate struct {
	transport.Dialer
	mu     sync.Mutex
	start  time.Time
	limit  int           // let in a second, more are cut before TLS as NervesHub does; zero: all
	closed bool          // nothing listens
	asked  map[int]int   // by the second
	came   map[int]int   // of asked, those that were let in
	last   time.Duration // when a device was let in
}

func newGate(d transport.Dialer, limit int) *gate {
	g := &gate{Dialer: d, limit: limit}
	g.restart()
	return g
}

// restart counts anew.
func (g *gate) restart() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.start, g.asked, g.came, g.last = time.Now(), map[int]int{}, map[int]int{}, 0
}

func (g *gate) shut(closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = closed
}

func (g *gate) Dial(ctx context.Context, req transport.Request) (transport.Conn, error) {
	if err := g.pass(); err != nil {
		return nil, err
	}
	return g.Dialer.Dial(ctx, req)
}

func (g *gate) pass() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := time.Since(g.start)
	second := int(at / time.Second)
	if g.closed {
		return &transport.PhaseError{
			Phase:  transport.PhaseConnect,
			Target: "hub.test:443",
			Err:    syscall.ECONNREFUSED,
		}
	}
	g.asked[second]++
	if g.limit > 0 && g.came[second] >= g.limit {
		return &transport.PhaseError{Phase: transport.PhaseTLS, Target: "hub.test:443", Err: io.EOF}
	}
	g.came[second]++
	g.last = at
	return nil
}

// counts are how often the gate was asked, and in the busiest second from a given one on.
func (g *gate) counts(from int) (total, busiest int, last time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for second, n := range g.asked {
		total += n
		if second >= from {
			busiest = max(busiest, n)
		}
	}
	return total, busiest, g.last
}

// fleet runs n devices against a hub behind a gate, under virtual time. They start at the same
// moment, as when the power comes back.
func fleet(
	t *testing.T,
	n, limit int,
	test func(t *testing.T, hub *hubtest.Hub, g *gate, devices []*actors.Device),
) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		hub := hubtest.Run(
			t,
			hubtest.Config{
				Mode: hubtest.Memory,
				Now:  func() time.Time { return today.Add(time.Since(start)) },
			},
		)
		sys, err := supervisor.NewSystem(supervisor.Options{Name: "fleet"})
		require.NoError(t, err)
		g := newGate(hub.Dialer(), limit)
		devices := make([]*actors.Device, n)
		for i := range devices {
			id := fmt.Sprintf("dev-%d", i)
			secret, slots := hub.Secret(id), ramdev.New(running, 8<<20)
			devices[i], err = actors.New(actors.Config{
				Identity: id, System: sys, Seed: 1,
				Hub:      actors.Hub{URL: hub.URL(), Secret: &secret, Dialer: g, Clock: ramClock{}},
				Firmware: actors.Firmware{Slots: slots, Applier: slots, Journal: &ramJournal{}},
			})
			require.NoError(t, err)
			require.NoError(t, devices[i].Start(t.Context()))
		}
		test(t, hub, g, devices)
		for _, d := range devices {
			require.NoError(t, d.Stop(context.Background()))
		}
		_, err = sys.Shutdown(context.Background())
		require.NoError(t, err)
		hub.Close()
	})
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// A hub takes 100 handshakes a second and cuts the devices above that. Devices that are cut come
// back later and later, and spread.
func TestRateLimitedHubIsNotHammered(t *testing.T) {
	const devices, limit = 1000, 100
	fleet(t, devices, limit, func(t *testing.T, hub *hubtest.Hub, g *gate, _ []*actors.Device) {
		pass(2 * time.Minute)
		total, busiest, last := g.counts(4)
		t.Logf(
			"%d handshakes for %d devices, %d in the busiest second after the first four, the last one let in after %v",
			total,
			devices,
			busiest,
			last,
		)
		require.Equal(t, devices, hub.Stats().Online, "all are in")
		require.Less(t, total, 4*devices)
		require.Less(t, busiest, 3*limit, "the first seconds apart")
		require.Less(t, last, time.Minute, "and soon")
	})
}

// A hub that is gone for hours is asked about twice a minute by each device, and never by all at
// once.
func TestHubThatIsDownIsNotHammered(t *testing.T) {
	const devices = 40
	fleet(t, devices, 0, func(t *testing.T, hub *hubtest.Hub, g *gate, _ []*actors.Device) {
		pass(10 * time.Second)
		hub.Door().PlatformDown(true)
		hub.Net().Drop()
		g.restart()
		pass(30 * time.Minute)
		total, busiest, _ := g.counts(60)
		t.Logf(
			"%.1f upgrades a device in half an hour, %d in the busiest second after the first minute",
			float64(total)/devices,
			busiest,
		)
		require.Less(t, total, 70*devices)
		require.Greater(t, total, 45*devices, "no device has given up")
		require.Less(t, busiest, devices/4)
		hub.Door().PlatformDown(false)
		pass(62 * time.Second)
		require.Equal(t, devices, hub.Stats().Online, "all are back within the longest wait")
	})
}

// A hub restarts: it closes with 1012, is down for two seconds, and comes back. So does the fleet,
// spread out, and nearly every device asks once.
func TestFleetComesBackFromARestartInOneWave(t *testing.T) {
	const devices = 500
	fleet(t, devices, 0, func(t *testing.T, hub *hubtest.Hub, g *gate, _ []*actors.Device) {
		pass(time.Minute)
		require.Equal(t, devices, hub.Stats().Online)
		g.shut(true)
		hub.Net().Close(protocol.CloseServiceRestart)
		pass(2 * time.Second)
		g.shut(false)
		g.restart()
		pass(30 * time.Second)
		total, busiest, last := g.counts(0)
		t.Logf(
			"%d upgrades for %d devices, %d in the busiest second, the last one after %v",
			total,
			devices,
			busiest,
			last,
		)
		require.Equal(t, devices, hub.Stats().Online, "all are back")
		require.LessOrEqual(t, total, devices*12/10)
		require.Less(t, busiest, devices/5)
		require.Less(t, last, 25*time.Second, "who has found it down too")
	})
}
