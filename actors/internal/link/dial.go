package link

import (
	"context"
	"errors"
	"time"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/supervisor"
)

// dial starts one attempt. The request is signed in the goroutine that dials, at the moment of
// dialling: a signature is good for 90 seconds, a backoff can be longer.
func (c *connection) dial(ctx *supervisor.Ctx) {
	l, self := c.link, ctx.Self()
	attempt, hub := l.beginDial(), c.door.Hub
	target, serializer := l.plan.urls.Current(), l.plan.serializer
	ctx.Go("dial", func(ctx context.Context) error {
		d := hub.dial(ctx, target, serializer)
		if d.err != nil && ctx.Err() != nil {
			return nil //nolint:nilerr // its actor has ended: the next incarnation dials anew
		}
		l.endDial(attempt, d)
		_ = self.Send(wake{}) // an actor that is being restarted looks for itself
		return nil
	})
}

// dialFailed learns the time and the wait from a refusal and makes the core's input.
func (c *connection) dialFailed(ctx *supervisor.Ctx, err error) protocol.SocketInput {
	in := protocol.SocketInput{Kind: protocol.SocketDialFailed, Cause: err}
	if errors.Is(err, context.Canceled) {
		return in
	}
	var refused *transport.RefusedError
	if errors.As(err, &refused) {
		in.After = refused.RetryAfter()
		c.door.Hub.refused(ctx, refused, c.log)
	}
	in.After = c.link.plan.urls.Failed(time.Now(), in.After)
	return in
}
