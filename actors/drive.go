package actors

import (
	"time"

	"github.com/hublink-go/hublink/supervisor"
)

// tick tells an actor that its core's deadline has come. Sent by the actor's own timer; an early
// one does nothing.
type tick struct{}

// drive keeps the one timer of an actor at its core's deadline.
type drive struct {
	timer supervisor.Timer
	at    time.Time
	set   bool
}

// arm makes a tick come at deadline; the zero time means none is needed. A timer that fires too
// early is left alone: the core ignores it and the timer is armed anew, which is cheaper than
// replacing it at every step.
func (d *drive) arm(ctx *supervisor.Ctx, deadline time.Time) {
	now := time.Now()
	if d.set && !d.at.After(now) {
		d.timer, d.set = supervisor.Timer{}, false // it has fired, or is about to
	}
	if deadline.IsZero() {
		d.stop()
		return
	}
	if d.set && !d.at.After(deadline) {
		return
	}
	d.stop()
	d.timer = ctx.After(max(0, deadline.Sub(now)), tick{})
	d.at, d.set = deadline, true
}

func (d *drive) stop() {
	if d.set {
		d.timer.Stop()
		d.timer, d.set = supervisor.Timer{}, false
	}
}
