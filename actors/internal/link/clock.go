package link

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/protocol/auth"
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

// refused takes in the hub's time, as a refusal of the device's time shows it.
func (c *Clock) refused(ctx *supervisor.Ctx, date time.Time, log *zerolog.Logger) {
	core, lesson := c.core.Load().Refused(time.Now(), date)
	c.core.Store(&core)
	if lesson.Moved != 0 {
		log.Warn().Time("hub_time", date).Dur("moved_ms", lesson.Moved).
			Msg("the device's clock is wrong; using the hub's time")
	}
	c.store(ctx, lesson.Store, log)
}

// accepted keeps the time over restarts, about once a day: the hub has accepted a signature of it,
// or the device the hub's certificate. A device whose clock forgets would otherwise begin with the
// time of the build, at which the hub's next certificate is not valid yet.
func (c *Clock) accepted(ctx *supervisor.Ctx, log *zerolog.Logger) {
	if c.Store == nil {
		return
	}
	core, lesson := c.core.Load().Accepted(c.Now())
	c.core.Store(&core)
	c.store(ctx, lesson.Store, log)
}

// store stores a time that is not zero, in a goroutine: the medium may be slow.
func (c *Clock) store(ctx *supervisor.Ctx, t time.Time, log *zerolog.Logger) {
	if c.Store == nil || t.IsZero() {
		return
	}
	ctx.Go("store the time", func(context.Context) error {
		if err := c.Store(t); err != nil {
			log.Warn().Err(err).Msg("the time cannot be stored; check the place of the clock file")
		}
		return nil
	})
}
