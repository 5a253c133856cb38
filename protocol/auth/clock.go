package auth

import "time"

const (
	// Newer hubs refuse a signature of the future at once, older ones after 90 seconds; so a clock
	// that is ahead by the least bit that a Date header can show is corrected, one that is behind only
	// by more than a slow answer explains.
	behindTolerance = 5 * time.Second
	// jump is how far the system clock must have moved against the monotonic one to have been set by
	// somebody.
	jump = 2 * time.Second
	// storeEvery spares the flash of a device whose clock is right.
	storeEvery = 24 * time.Hour
	storeMoved = time.Minute
)

// Clock is the best known time of a device whose clock may be unset or wrong: the latest of the
// system clock, the build time and the hub's time as it was last stored, until a refusal of the hub
// says what time it really is.
//
// It is a value: the methods give a new one and leave the old one as it was, so a copy may be used
// by tls.Config.Time on any goroutine. All methods take the system's time as time.Now gives it; its
// monotonic reading tells time that has passed from a clock that was set. While a correction is in
// force and somebody (NTP, say) sets the system clock, the correction ends: it was for a clock that
// is no more. If the new setting is wrong too, the next refusal corrects it again. (The system's
// sleep looks the same and costs a device with a wrong clock one refusal.) Times without a
// monotonic reading only lose this.
//
// The zero Clock is the system clock.
type Clock struct {
	floor  time.Time // no time before it is believed
	system time.Time // what the system clock showed ...
	known  time.Time // ... when it really was this time; zero: the system clock is right
	// known is the floor, not the hub's word: the first system time beyond it is better
	guess  bool
	stored time.Time // what the last store held
}

// NewClock starts from the system's time, the time of the program's build and the hub time that was
// stored; each may be zero.
func NewClock(system, build, stored time.Time) Clock {
	c := Clock{floor: later(build, stored).Round(0), stored: stored.Round(0)}
	if system.Before(c.floor) {
		c.system, c.known, c.guess = system, c.floor, true
	}
	return c
}

// Now gives the best known time when the system clock shows system.
func (c Clock) Now(system time.Time) time.Time {
	switch {
	case c.known.IsZero(), c.guess && !system.Before(c.floor), !c.guess && c.wasSet(system):
		return later(system, c.floor)
	// whatever happens to a clock that shows the wrong year, it is only good for telling time that has
	// passed
	case c.guess:
		return later(c.known.Add(system.Round(0).Sub(c.system.Round(0))), c.known)
	}
	return later(c.known.Add(system.Sub(c.system)), c.known)
}

// wasSet says whether somebody set the system clock since the correction was made for it.
func (c Clock) wasSet(system time.Time) bool {
	wall := system.Round(0).Sub(c.system.Round(0))
	return (wall - system.Sub(c.system)).Abs() >= jump
}

// Lesson is what a Date header has taught.
type Lesson struct {
	Moved time.Duration // how far the clock was moved, negative for back; zero: it was right
	Store time.Time     // keep this over restarts and give it to NewClock; zero: nothing to store
}

// Refused takes the Date header of a 401 (zero if there was none), which the hub wrote when the
// system clock showed system. It corrects the clock in both directions. A 401 for another reason
// does no harm: the clock is then at most set to the hub's.
func (c Clock) Refused(system, date time.Time) (Clock, Lesson) {
	if date.IsZero() {
		return c, Lesson{}
	}
	date = date.Round(0)
	moved := date.Sub(c.Now(system).Truncate(time.Second))
	if moved >= 0 && moved <= behindTolerance {
		return c, Lesson{}
	}
	c.system, c.known, c.guess, c.floor = system, date, false, date
	lesson := Lesson{Moved: moved}
	if moved.Abs() >= storeMoved || c.stale(date) {
		c.stored, lesson.Store = date, date
	}
	return c, lesson
}

// Accepted takes the time of a successful connect: the hub's Date header, or that of the signature
// that it has taken. It moves nothing, but says about once a day what to store, so that a device
// without a clock starts from a time that is not long past.
func (c Clock) Accepted(date time.Time) (Clock, Lesson) {
	if date.IsZero() || !c.stale(date) {
		return c, Lesson{}
	}
	c.stored = date.Round(0)
	return c, Lesson{Store: c.stored}
}

// stale says that the stored time is a day away, in either direction.
func (c Clock) stale(date time.Time) bool { return date.Sub(c.stored).Abs() >= storeEvery }

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
