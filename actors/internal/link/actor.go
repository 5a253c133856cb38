package link

import (
	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/drive"
	"github.com/hublink-go/hublink/supervisor"
)

// connection moves messages between the socket and the channels of one device. It reads envelopes,
// never payloads, and keeps the link in its heir slot: when it crashes, its next incarnation goes
// on with the same socket and the same generation.
type connection struct {
	door  *Door
	link  *link
	timer drive.Timer
	log   *zerolog.Logger
}

// arm sets the one timer to the next deadline of the cores.
func (c *connection) arm(ctx *supervisor.Ctx) {
	c.timer.Arm(ctx, drive.Earliest(c.link.core.Deadline(), c.link.plan.network.Deadline()))
}
