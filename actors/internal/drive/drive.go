// Package drive keeps the one timer of an actor at the deadline of its cores.
//
// An actor has one [Timer], arms it after each step with the earliest deadline of its cores, and
// steps them with no input when [Tick] comes.
package drive

import (
	"time"

	"github.com/hublink-go/hublink/supervisor"
)

// Tick tells an actor that the deadline of a core has come. It is sent by the actor's own timer; an
// early one changes nothing.
type Tick struct{}

// Timer is the one timer of an actor. The zero value is ready to use.
type Timer struct {
	timer supervisor.Timer
	at    time.Time
	set   bool
}

// Arm makes a Tick come at deadline; the zero time means that none is needed. It leaves a timer
// that fires earlier as it is: the core ignores the early Tick and the timer is armed again, which
// is cheaper than replacing it at every step.
func (t *Timer) Arm(ctx *supervisor.Ctx, deadline time.Time) {
	now := time.Now()
	if t.set && !t.at.After(now) {
		t.timer, t.set = supervisor.Timer{}, false // it has fired, or is about to
	}
	if deadline.IsZero() {
		t.stop()
		return
	}
	if t.set && !t.at.After(deadline) {
		return
	}
	t.stop()
	t.timer = ctx.After(max(0, deadline.Sub(now)), Tick{})
	t.at, t.set = deadline, true
}

func (t *Timer) stop() {
	if t.set {
		t.timer.Stop()
		t.timer, t.set = supervisor.Timer{}, false
	}
}

// In returns the deadline that is d from now.
func In(d time.Duration) time.Time { return time.Now().Add(d) }

// Earliest returns the first of the deadlines; the zero time means that there is none.
func Earliest(deadlines ...time.Time) (first time.Time) {
	for _, d := range deadlines {
		if !d.IsZero() && (first.IsZero() || d.Before(first)) {
			first = d
		}
	}
	return first
}
