package actors

import (
	"context"
	"net/http"
	"time"

	"github.com/hublink-go/hublink/protocol/auth"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/supervisor"
)

// built is a time that has certainly passed: no device of this version runs before it, whatever its
// clock says.
var built = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)

// loadClock begins with the best known time: the system's, or the latest that is known to have
// passed.
func (d *Device) loadClock() {
	var stored time.Time
	if store := d.cfg.Hub.Clock; store != nil {
		var err error
		if stored, err = store.LoadTime(); err != nil {
			d.cfg.Logger.Warn().Err(err).Msg("the stored time cannot be read, going on without")
		}
	}
	clock := auth.NewClock(time.Now(), built, stored)
	d.clock.Store(&clock)
}

// now is the best known time. Signatures and the checks of certificates use it.
func (d *Device) now() time.Time { return d.clock.Load().Now(time.Now()) }

// learnTime takes the hub's time from a refusal of the signature: a wrong clock is the usual reason
// for one.
func (c *connection) learnTime(ctx *supervisor.Ctx, r *transport.RefusedError) {
	if r.Status != http.StatusUnauthorized || c.dev.cfg.Hub.Secret == nil {
		return
	}
	date, err := http.ParseTime(r.Header.Get("Date"))
	if err != nil {
		return
	}
	clock, lesson := c.dev.clock.Load().Refused(time.Now(), date)
	c.dev.clock.Store(&clock)
	if lesson.Moved != 0 {
		c.log.Warn().
			Time("hub_time", date).
			Dur("moved_ms", lesson.Moved).
			Msg("the device's clock is wrong, going on with the hub's time")
	}
	c.storeTime(ctx, lesson.Store)
}

// timeAccepted keeps the time over restarts, about once a day: the hub has taken a signature of it,
// or the device the hub's certificate. A device whose clock forgets would else begin with the time
// of the build, at which the hub's next certificate is not valid yet.
func (c *connection) timeAccepted(ctx *supervisor.Ctx) {
	if c.dev.cfg.Hub.Clock == nil {
		return
	}
	clock, lesson := c.dev.clock.Load().Accepted(c.dev.now())
	c.dev.clock.Store(&clock)
	c.storeTime(ctx, lesson.Store)
}

// storeTime stores a time that is not zero. A medium may be slow, and nobody waits for this.
func (c *connection) storeTime(ctx *supervisor.Ctx, t time.Time) {
	store := c.dev.cfg.Hub.Clock
	if store == nil || t.IsZero() {
		return
	}
	ctx.Go("store the time", func(context.Context) error {
		if err := store.SaveTime(t); err != nil {
			c.log.Warn().Err(err).Msg("the time cannot be stored")
		}
		return nil
	})
}
