package link

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hublink-go/hublink/protocol/auth"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/supervisor"
)

// built is a time that has certainly passed: no device of this version runs before it, whatever its
// clock says.
var built = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)

// Clock is the best known time of a device. Signatures and the checks of certificates use it.
type Clock struct {
	Store func(t time.Time) error // keeps the time over restarts; nil: not kept
	core  atomic.Pointer[auth.Clock]
}

// Start begins with the latest time that is known to have passed: the system's, that of the build,
// or stored.
func (c *Clock) Start(stored time.Time) {
	core := auth.NewClock(time.Now(), built, stored)
	c.core.Store(&core)
}

// Now returns the best known time.
func (c *Clock) Now() time.Time { return c.core.Load().Now(time.Now()) }

// learnTime takes the hub's time from a refusal of the signature: a wrong clock is the usual reason
// for one.
func (c *connection) learnTime(ctx *supervisor.Ctx, r *transport.RefusedError) {
	if r.Status != http.StatusUnauthorized || c.door.Hub.Secret == nil {
		return
	}
	date, err := http.ParseTime(r.Header.Get("Date"))
	if err != nil {
		return
	}
	clock := c.door.Hub.Clock
	core, lesson := clock.core.Load().Refused(time.Now(), date)
	clock.core.Store(&core)
	if lesson.Moved != 0 {
		c.log.Warn().Time("hub_time", date).Dur("moved_ms", lesson.Moved).
			Msg("the device's clock is wrong; using the hub's time")
	}
	c.storeTime(ctx, lesson.Store)
}

// timeAccepted keeps the time over restarts, about once a day: the hub has accepted a signature of
// it, or the device the hub's certificate. A device whose clock forgets would otherwise begin with
// the time of the build, at which the hub's next certificate is not valid yet.
func (c *connection) timeAccepted(ctx *supervisor.Ctx) {
	clock := c.door.Hub.Clock
	if clock.Store == nil {
		return
	}
	core, lesson := clock.core.Load().Accepted(clock.Now())
	clock.core.Store(&core)
	c.storeTime(ctx, lesson.Store)
}

// storeTime stores a time that is not zero, in a goroutine: the medium may be slow.
func (c *connection) storeTime(ctx *supervisor.Ctx, t time.Time) {
	store := c.door.Hub.Clock.Store
	if store == nil || t.IsZero() {
		return
	}
	ctx.Go("store the time", func(context.Context) error {
		if err := store(t); err != nil {
			c.log.Warn().Err(err).Msg("the time cannot be stored; check the place of the clock file")
		}
		return nil
	})
}
