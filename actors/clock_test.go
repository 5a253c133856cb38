package actors_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/firmware/ramdev"
	"github.com/hublink-go/hublink/protocol/hubtest"
	"github.com/hublink-go/hublink/protocol/transport"
)

// memo is a clock store in memory.
type memo struct {
	mu    sync.Mutex
	at    time.Time
	saved int           // times
	slow  time.Duration // that saving takes
}

func (m *memo) LoadTime() (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at, nil
}

func (m *memo) SaveTime(t time.Time) error {
	time.Sleep(m.slow)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = t
	m.saved++
	return nil
}

func (m *memo) times() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.saved
}

// hubClock is what time it is at the hub. Only the difference to the device's clock matters to
// either, so a test moves the hub's: a device whose clock jumps ahead and a hub whose clock jumps
// back see the same.
type hubClock struct{ ahead atomic.Int64 }

func (c *hubClock) now() time.Time {
	return time.Now().Add(time.Duration(c.ahead.Load()))
}
func (c *hubClock) set(now time.Time)        { c.ahead.Store(int64(time.Until(now))) }
func (c *hubClock) jump(ahead time.Duration) { c.ahead.Add(int64(ahead)) }

const year = 365 * 24 * time.Hour

// atTheHub runs a test with a device that remembers what is in the memo, against a hub at which it
// is now.
func atTheHub(t *testing.T, now time.Time, m *memo, test func(*rig, *hubClock)) {
	t.Helper()
	var clock hubClock
	inVirtualTime(t, func(r *rig) {
		clock.set(now)
		r.hub.Close()
		r.hub = hubtest.Run(r.t, hubtest.Config{Mode: hubtest.Memory, Now: clock.now})
		r.seen, r.rt = r.hub.Device(identity), r.hub.RoundTripper()
		secret := r.hub.Secret(identity)
		r.cfg.Hub.Secret, r.cfg.Hub.Dialer, r.cfg.Hub.Clock = &secret, r.hub.Dialer(), m
	}, func(r *rig) { test(r, &clock) })
}

func stored(t *testing.T, m *memo, want time.Time) {
	t.Helper()
	at, _ := m.LoadTime()
	require.WithinDuration(t, want, at, 2*time.Minute)
}

// The clock of a bubble starts in 2000, before this program was built; what it shows then means as
// little as 1970. The first signature is of the build's time, the hub's refusal says what time it
// is, and the next start knows.
func TestClockAt1970(t *testing.T) {
	m := &memo{}
	for _, dials := range []uint64{2, 1} {
		atTheHub(t, today, m, func(r *rig, clock *hubClock) {
			r.settle(time.Minute)
			require.Equal(t, actors.Connected, r.dev.Status().Connection)
			require.Equal(t, dials, r.dev.Status().Counters.Dials)
			stored(t, m, clock.now())
		})
	}
}

// The system's clock is right about nothing but that time passes: it is ten years ahead.
func TestClockTenYearsAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(today)) // the system's clock
		m := &memo{}
		var clock hubClock
		clock.set(today.Add(-10 * year))
		hub := hubtest.Run(t, hubtest.Config{Mode: hubtest.Memory, Now: clock.now})
		secret, slots := hub.Secret(identity), ramdev.New(running, 8<<20)
		dev, err := actors.New(actors.Config{
			Identity: identity, Hub: actors.Hub{
				URL: hub.URL(), Secret: &secret, Dialer: hub.Dialer(),
				Clock: m,
			},
			Firmware: actors.Firmware{Slots: slots, Applier: slots, Journal: &ramJournal{}},
		})
		require.NoError(t, err)
		require.NoError(t, dev.Start(t.Context()))
		pass(time.Minute)
		require.Equal(t, actors.Connected, dev.Status().Connection)
		require.EqualValues(t, 2, dev.Status().Counters.Dials, "one refusal is lesson enough")
		stored(t, m, clock.now())
		require.NoError(t, hub.Device(identity).Net().Drop())
		pass(time.Minute)
		require.Equal(t, actors.Connected, dev.Status().Connection)
		require.EqualValues(t, 3, dev.Status().Counters.Dials, "and is remembered")
		require.NoError(t, dev.Stop(t.Context()))
		hub.Close()
	})
}

// What was stored is ten years ahead: it is believed until the hub says otherwise, and then
// replaced.
func TestStoredTimeTenYearsAhead(t *testing.T) {
	m := &memo{at: today.Add(10 * year)}
	atTheHub(t, today, m, func(r *rig, clock *hubClock) {
		r.settle(time.Minute)
		require.Equal(t, actors.Connected, r.dev.Status().Connection)
		require.EqualValues(t, 2, r.dev.Status().Counters.Dials)
		stored(t, m, clock.now())
	})
}

// A device goes on with what it has learned before that is stored.
func TestTimeOnASlowMedium(t *testing.T) {
	m := &memo{slow: time.Hour}
	atTheHub(t, today, m, func(r *rig, _ *hubClock) {
		r.settle(time.Minute)
		require.Equal(t, actors.Connected, r.dev.Status().Connection)
		require.Zero(t, m.times())
		r.settle(m.slow)
		require.Equal(t, 1, m.times())
	})
}

// A time that the hub has accepted is kept for the next start, but a device that connects all the
// time does not wear its flash out.
func TestAcceptedTimeIsStoredOnceADay(t *testing.T) {
	m := &memo{at: today.Add(-30 * 24 * time.Hour)}
	atTheHub(t, m.at, m, func(r *rig, clock *hubClock) {
		require.Zero(t, m.times(), "nothing new")
		for hour := range 50 {
			r.settle(time.Hour)
			require.NoError(t, r.dev.Reconnect())
			r.settle(time.Second)
			require.Equal(t, actors.Connected, r.dev.Status().Connection)
			require.Equal(t, (hour+1)/24, m.times(), "after %d hours", hour+1)
		}
		stored(t, m, clock.now().Add(-2*time.Hour))
	})
}

// A clock that jumps costs a connected device nothing: the socket lives on time that passes. The
// next connect is refused once, and right again, in whichever direction it was, and when it jumps
// back too.
func TestClockJumpsWhileConnected(t *testing.T) {
	for name, jump := range map[string]time.Duration{
		"ahead": 10 * year, "back": -10 * year,
		"by minutes": -5 * time.Minute,
	} {
		t.Run(name, func(t *testing.T) {
			m := &memo{at: today}
			atTheHub(t, today, m, func(r *rig, clock *hubClock) {
				require.EqualValues(t, 1, r.dev.Status().Counters.Dials)
				for i, j := range []time.Duration{jump, -jump} {
					clock.jump(-j) // of the device's clock, as seen from the hub
					r.settle(time.Hour)
					require.Equal(t, 1+i, r.seen.Net().Sockets(), "the socket stays")
					require.NoError(t, r.seen.Net().Drop())
					r.settle(time.Minute)
					require.Equal(t, actors.Connected, r.dev.Status().Connection)
					require.EqualValues(
						t,
						3+2*i,
						r.dev.Status().Counters.Dials,
						"one refusal, then the right time",
					)
				}
			})
		})
	}
}

// Certificates are checked against the best known time, of the socket and of downloads. Here it is
// 2040 at the hub, and its certificate is of that year; the device's own clock is right about
// nothing.
func TestCertificatesAreCheckedAtTheBestKnownTime(t *testing.T) {
	start := time.Now()
	hub := hubtest.Run(
		t,
		hubtest.Config{Mode: hubtest.TLS, Now: func() time.Time { return today.Add(time.Since(start)) }},
	)
	trust := hub.RoundTripper().TLSClientConfig
	secret := hub.Secret(identity)
	device := func(m *memo) (*actors.Device, chan actors.Event) {
		slots, failed := ramdev.New(running, 8<<20), make(chan actors.Event, 100)
		dev, err := actors.New(actors.Config{
			Identity: identity, Hub: actors.Hub{URL: hub.URL(), Secret: &secret, TLS: trust, Clock: m},
			Firmware: actors.Firmware{Slots: slots, Applier: slots, Journal: &ramJournal{}},
			OnEvent: func(e actors.Event) {
				if e.Kind == actors.EventConnectFailed {
					failed <- e
				}
			},
		})
		require.NoError(t, err)
		require.NoError(t, dev.Start(t.Context()))
		return dev, failed
	}
	ignorant, failed := device(&memo{})
	e := <-failed
	require.NoError(t, ignorant.Stop(t.Context()))
	var phase *transport.PhaseError
	require.ErrorAs(t, e.Err, &phase)
	require.Equal(t, transport.ClassExpired, phase.Class())
	require.Contains(t, e.Detail, "check the device's clock")

	dev, _ := device(&memo{at: today})
	seen := hub.Device(identity)
	require.NoError(t, seen.WaitJoined(t.Context()))
	fw, err := hub.Firmware().Add(newer, hubtest.Generated(1, 100_000))
	require.NoError(t, err)
	require.NoError(t, seen.Update().Offer(fw))
	require.ErrorIs(t, dev.Wait(), actors.ErrReboot)
	_ = dev.Stop(t.Context()) // says the same once more
}
