package auth

import (
	"crypto/tls"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
)

var (
	build = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	today = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	unset = time.Date(1970, 1, 1, 0, 0, 30, 0, time.UTC)
)

// machine is a computer's clock: set moves what it shows, pass lets time pass. The readings are
// those of time.Now, with a monotonic part that setting does not move.
type machine struct{ reading time.Time }

func newMachine(t *testing.T, shows time.Time) *machine {
	m := &machine{reading: time.Now()}
	require.Contains(t, m.reading.String(), "m=", "no monotonic reading on this system")
	m.set(shows)
	return m
}

func (m *machine) pass(d time.Duration) { m.reading = m.reading.Add(d) }

func (m *machine) set(to time.Time) {
	// There is no function for this: the layout is that of package time, whole seconds stand above 30
	// bits of nanoseconds.
	fields := (*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&m.reading))
	fields.wall += uint64(to.Unix()-m.reading.Unix()) << 30
	fields.wall &^= 1<<30 - 1
}

func near(t *testing.T, want, got time.Time, why string) {
	t.Helper()
	require.WithinDuration(t, want, got, time.Second, why)
}

func TestClockStart(t *testing.T) {
	stored := build.Add(30 * 24 * time.Hour)
	for name, tc := range map[string]struct{ system, build, stored, want time.Time }{
		"a clock that is right":    {today, build, stored, today},
		"unset, never connected":   {unset, build, time.Time{}, build},
		"unset, connected before":  {unset, build, stored, stored},
		"newer build than stored":  {unset, stored, build, stored},
		"nothing known but 1970":   {unset, time.Time{}, time.Time{}, unset},
		"slow, but after building": {build.Add(time.Hour), build, time.Time{}, build.Add(time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			c := NewClock(tc.system, tc.build, tc.stored)
			near(t, tc.want, c.Now(tc.system), "best known time")
			near(t, tc.want.Add(time.Hour), c.Now(tc.system.Add(time.Hour)), "time goes on")
		})
	}
	near(t, today, Clock{}.Now(today), "the zero Clock is the system clock")
}

func TestClockLearnsFromRefusal(t *testing.T) {
	for name, tc := range map[string]struct {
		shows time.Time
		moved time.Duration
		store bool
	}{
		"ahead by an hour": {today.Add(time.Hour), -time.Hour, true},
		// newer hubs take no signature of the future
		"ahead by two seconds":  {today.Add(2 * time.Second), -2 * time.Second, false},
		"right":                 {today, 0, false},
		"a slow answer":         {today.Add(-4 * time.Second), 0, false},
		"behind by two minutes": {today.Add(-2 * time.Minute), 2 * time.Minute, true},
		"unset":                 {unset, today.Sub(build), true},
		"far ahead":             {today.AddDate(20, 0, 0), today.Sub(today.AddDate(20, 0, 0)), true},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, tc.shows)
			before, _ := NewClock(
				m.reading,
				build,
				time.Time{},
			).Accepted(today.Add(-time.Hour))
			// stored an hour ago
			c, lesson := before.Refused(m.reading, today)
			require.Equal(t, tc.moved, lesson.Moved)
			require.Equal(t, tc.store, !lesson.Store.IsZero(), "what to store: %v", lesson.Store)
			if tc.store {
				require.True(t, lesson.Store.Equal(today))
			}
			if tc.moved == 0 {
				require.Equal(t, before, c)
				return
			}
			near(t, today, c.Now(m.reading), "the hub's time")
			m.pass(48 * time.Hour)
			near(t, today.Add(48*time.Hour), c.Now(m.reading), "and it goes on")
			_, again := c.Refused(m.reading, today.Add(48*time.Hour))
			require.Zero(t, again.Moved, "the next refusal has another cause")
		})
	}
}

// The whole way: a refused signature, one lesson, an accepted signature, against a hub that refuses
// signatures of the future.
func TestRefusedThenAccepted(t *testing.T) {
	for _, shows := range []time.Time{
		unset, today.Add(-time.Hour), today.Add(3 * time.Second),
		today.AddDate(1, 0, 0),
	} {
		m := newMachine(t, shows)
		c := NewClock(m.reading, build, time.Time{})
		verify := func() error {
			headers, err := secret.Sign(c.Now(m.reading))
			require.NoError(t, err)
			_, err = Verify(
				headers,
				secrets(map[string]string{secret.Key: secret.Secret}),
				today,
				DefaultMaxAge,
			)
			return err
		}
		require.ErrorIs(t, verify(), ErrRefused)
		c, _ = c.Refused(m.reading, today)
		require.NoError(t, verify(), "clock at %v", shows)
	}
}

func TestClockSetWhileCorrected(t *testing.T) {
	for name, start := range map[string]time.Time{
		"was unset":  unset,
		"was behind": today.Add(-time.Hour), "was ahead": today.Add(time.Hour),
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, start)
			c, _ := NewClock(m.reading, build, time.Time{}).Refused(m.reading, today)
			m.pass(time.Minute)
			m.set(today.Add(time.Minute)) // NTP has come
			near(t, today.Add(time.Minute), c.Now(m.reading), "not corrected twice")
			m.pass(time.Hour)
			near(t, today.Add(time.Hour+time.Minute), c.Now(m.reading), "the system clock is followed")

			m.set(today.Add(-30 * 24 * time.Hour)) // an operator sets it wrongly
			near(t, today, c.Now(m.reading), "never before what the hub said")
			c, lesson := c.Refused(m.reading, today.Add(2*time.Hour))
			require.NotZero(t, lesson.Moved)
			near(t, today.Add(2*time.Hour), c.Now(m.reading), "learnt again")
		})
	}
}

func TestGuessedClockSetByNTP(t *testing.T) {
	m := newMachine(t, unset)
	c := NewClock(m.reading, build, time.Time{})
	m.pass(time.Minute)
	near(t, build.Add(time.Minute), c.Now(m.reading), "guessing")
	m.set(unset.AddDate(1, 0, 0))
	require.False(t, c.Now(m.reading).Before(build), "set, but to nothing possible")
	m.set(today)
	near(t, today, c.Now(m.reading), "NTP knows better than a guess")
	near(t, today, c.Now(today), "also when the reading has no monotonic part")
}

func TestClockOverridesPoisonedStore(t *testing.T) {
	c := NewClock(today, build, today.AddDate(60, 0, 0))
	near(t, today.AddDate(60, 0, 0), c.Now(today), "what was stored is believed")
	c, lesson := c.Refused(today, today)
	near(t, today, c.Now(today), "until the hub says otherwise")
	require.True(t, lesson.Store.Equal(today), "and that is stored in its place")
	near(
		t,
		today.Add(time.Hour),
		NewClock(unset, build, lesson.Store).Now(unset.Add(time.Hour)),
		"so the next start is right",
	)
}

func TestAcceptedStoresOnceADay(t *testing.T) {
	c := NewClock(today, build, time.Time{})
	stores := 0
	for hour := range 72 {
		var lesson Lesson
		c, lesson = c.Accepted(today.Add(time.Duration(hour) * time.Hour))
		require.Zero(t, lesson.Moved)
		if !lesson.Store.IsZero() {
			stores++
		}
	}
	require.Equal(t, 3, stores, "flash is not worn out by a device that connects all the time")

	_, none := c.Accepted(time.Time{})
	require.Zero(t, none, "no Date header")
	same, none := c.Refused(today.AddDate(1, 0, 0), time.Time{})
	require.Zero(t, none, "no Date header")
	require.Equal(t, c, same)
}

func ExampleClock() {
	clock := NewClock(time.Now(), build, time.Time{})
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		Time:       func() time.Time { return clock.Now(time.Now()) },
	}
	_ = config
}

func FuzzClock(f *testing.F) {
	f.Add(int64(30), int64(1_790_000_000), int64(1_700_000_000), int64(60))
	f.Add(int64(4_000_000_000), int64(0), int64(-5), int64(-60))
	f.Fuzz(func(t *testing.T, system, date, stored, passed int64) {
		at := time.Unix(system%(1<<36), 0)
		hub := time.Unix(date%(1<<36), 0)
		c := NewClock(at, build, time.Unix(stored%(1<<36), 0))
		if c.Now(at).Before(build) {
			t.Fatal("a time before the build")
		}
		c, lesson := c.Refused(at, hub)
		if d := hub.Sub(c.Now(at)); lesson.Moved != 0 && d.Abs() > 0 {
			t.Fatalf("learnt, but %v away from the hub", d)
		}
		if lesson.Moved != 0 && c.Now(at.Add(time.Duration(passed))).Before(hub) {
			t.Fatal("a time before the hub's")
		}
	})
}
