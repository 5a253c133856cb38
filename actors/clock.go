package actors

import (
	"net/http"
	"time"

	"github.com/hublink-go/hublink/protocol/auth"
	"github.com/hublink-go/hublink/protocol/transport"
)

// built is a time that has certainly passed: no device of this version runs before it, whatever its clock says.
var built = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)

// loadClock begins with the best known time: the system's, or the latest that is known to have passed.
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

// learnTime takes the hub's time from a refusal of the signature: a wrong clock is the usual reason for one.
func (c *connection) learnTime(r *transport.RefusedError) {
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
		c.log.Warn().Time("hub_time", date).Dur("moved", lesson.Moved).Msg("the device's clock is wrong, going on with the hub's time")
	}
	c.storeTime(lesson.Store)
}

func (c *connection) storeTime(t time.Time) {
	if store := c.dev.cfg.Hub.Clock; store != nil && !t.IsZero() {
		if err := store.SaveTime(t); err != nil {
			c.log.Warn().Err(err).Msg("the hub's time cannot be stored")
		}
	}
}
