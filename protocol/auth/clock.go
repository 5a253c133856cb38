package auth

import "time"

const (
	// Newer hubs refuse every signature from the future, older ones one that is 90 s ahead. So a clock
	// that is ahead is corrected from one second on, the resolution of a Date header, and a clock that
	// is behind only when a slow answer does not explain it.
	behindTolerance = 5 * time.Second
	// jump is the difference between system clock and monotonic clock that means that the system clock
	// was set.
	jump = 2 * time.Second
	// storeEvery limits the writes to the flash of a device whose clock is right.
	storeEvery = 24 * time.Hour
	storeMoved = time.Minute
)

// Clock is the best known time of a device whose system clock may be unset or wrong: the latest of
// the system clock, the build time and the stored time of the hub, until a refusal of the hub
// carries its time.
//
// Clock is a value: its methods return a new one, so tls.Config.Time can use a copy on any
// goroutine. All methods take the system's time as time.Now returns it; its monotonic reading
// separates passed time from a clock that was set. A correction ends when the system clock is set,
// by NTP for example. If that setting is wrong too, the next refusal corrects it. A suspended
// system looks the same and costs a device with a wrong clock one refusal. Times without a
// monotonic reading keep their correction.
//
// The zero Clock is the system clock.
type Clock struct {
	floor  time.Time // earlier times are wrong
	system time.Time // time of the system clock at the correction
	known  time.Time // true time at the correction; zero means that the system clock is right
	// guess means that known is the floor and not the hub's time: a later system time is better.
	guess  bool
	stored time.Time // the stored time
}

// NewClock returns a clock that starts from the system's time, the time of the program's build and
// the stored time of the hub. Each may be zero.
func NewClock(system, build, stored time.Time) Clock {
	c := Clock{floor: later(build, stored).Round(0), stored: stored.Round(0)}
	if system.Before(c.floor) {
		c.system, c.known, c.guess = system, c.floor, true
	}
	return c
}

// Now returns the best known time when the system clock shows system.
func (c Clock) Now(system time.Time) time.Time {
	switch {
	case c.known.IsZero(), c.guess && !system.Before(c.floor), !c.guess && c.wasSet(system):
		return later(system, c.floor)
	// a clock with the wrong year only measures passed time
	case c.guess:
		return later(c.known.Add(system.Round(0).Sub(c.system.Round(0))), c.known)
	}
	return later(c.known.Add(system.Sub(c.system)), c.known)
}

// wasSet reports whether the system clock was set after the correction.
func (c Clock) wasSet(system time.Time) bool {
	wall := system.Round(0).Sub(c.system.Round(0))
	return (wall - system.Sub(c.system)).Abs() >= jump
}

// Lesson is the result of a Date header.
type Lesson struct {
	Moved time.Duration // correction of the clock; zero means that it was right
	Store time.Time     // time to store for NewClock after a restart; zero means nothing to store
}

// Refused takes the Date header of a 401 (zero means none), which the hub wrote at the system time
// system. It corrects the clock in both directions. A 401 for another reason sets the clock to the
// hub's time at most.
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

// Accepted takes the time of a successful connect: the hub's Date header, or the time of the
// accepted signature. It does not correct the clock. About once a day it returns a time to store,
// so that a device without a clock starts close to the true time.
func (c Clock) Accepted(date time.Time) (Clock, Lesson) {
	if date.IsZero() || !c.stale(date) {
		return c, Lesson{}
	}
	c.stored = date.Round(0)
	return c, Lesson{Store: c.stored}
}

// stale reports whether the stored time differs by a day or more.
func (c Clock) stale(date time.Time) bool { return date.Sub(c.stored).Abs() >= storeEvery }

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
