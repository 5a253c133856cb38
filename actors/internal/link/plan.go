package link

import (
	"context"
	"time"

	"github.com/hublink-go/hublink/actors/internal/dialplan"
	"github.com/hublink-go/hublink/supervisor"
)

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
