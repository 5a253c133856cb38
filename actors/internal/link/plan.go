package link

import (
	"context"
	"time"

	"github.com/hublink-go/hublink/actors/internal/dialplan"
	"github.com/hublink-go/hublink/actors/internal/drive"
	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/actors/internal/resend"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/supervisor"
)

// cores are what decides about the socket. They live in the link, so that a crash of connection
// forgets nothing.
type cores struct {
	core  protocol.Socket              // as of the last finished step
	plan  plan                         // as of the last dial that came to its end
	taken [message.Topics]resend.Taken // the last transmission taken over from each topic
}

// plan decides when and how the hub is dialled.
type plan struct {
	network    dialplan.Network
	urls       dialplan.URLs
	serializer dialplan.Serializer
}

// probed: from the goroutine of a probe; err says what is missing on the way to the hub, nil that
// there is a way. Lost with a crash: connection dials anew, which probes anew.
type probed struct{ err error }

// wantDial dials, or waits for the network before the first dial.
func (c *connection) wantDial(ctx *supervisor.Ctx) {
	c.door.Board.Connecting()
	c.await(ctx, dialplan.NetworkDial, nil)
}

// probed takes in the answer of a probe.
func (c *connection) probed(ctx *supervisor.Ctx, m probed) {
	in := dialplan.NetworkFound
	if m.err != nil {
		in = dialplan.NetworkMissing
	}
	c.await(ctx, in, m.err)
	c.arm(ctx)
}

// await steps the core of the wait for a network and carries out what it says; missing is what the
// probe did not find.
func (c *connection) await(ctx *supervisor.Ctx, in dialplan.NetworkInput, missing error) {
	network := &c.link.plan.network
	held := !network.Over()
	switch e := network.Step(time.Now(), in); e {
	case dialplan.Probe:
		c.probe(ctx)
	case dialplan.FirstWait, dialplan.Wait:
		c.door.Board.Problem("waiting for the network: " + missing.Error())
		if e == dialplan.FirstWait {
			c.log.Info().Err(missing).Dur("at_most_ms", dialplan.ProbeLimit).
				Msg("no network yet; waiting for it")
		}
	case dialplan.Dial:
		if held && network.Waited() {
			c.door.Board.Problem("")
		}
		c.dial(ctx)
	case dialplan.NoEffect:
	}
}

func (c *connection) probe(ctx *supervisor.Ctx) {
	urls, hub, self := c.link.plan.urls.All(), c.door.Hub, ctx.Self()
	ctx.Go("probe", func(ctx context.Context) error {
		_ = self.Send(probed{err: hub.probe(ctx, urls)}) // an actor that has crashed probes anew
		return nil
	})
}

// arm sets the one timer to the next deadline of the cores.
func (c *connection) arm(ctx *supervisor.Ctx) {
	c.timer.Arm(ctx, drive.Earliest(c.link.core.Deadline(), c.link.plan.network.Deadline()))
}
