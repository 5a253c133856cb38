package actors

import (
	"context"
	"errors"
	"net/http"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/supervisor"
)

// WebSocket close codes that this package sends or sees (RFC 6455 section 7.4).
const (
	closeNormal   = 1000
	closeAbnormal = 1006 // no close frame came
)

const linkKey = "link"

// dial starts one attempt. The request is signed in the goroutine that dials, at the moment of dialling: a signature is good
// for 90 seconds, a backoff can be longer.
func (c *connection) dial(ctx *supervisor.Ctx) {
	l, self := c.link, ctx.Self()
	attempt := l.beginDial()
	c.dev.board.connecting()
	ctx.Go("dial", func(ctx context.Context) error {
		conn, err := c.dev.dial(ctx)
		if err != nil && ctx.Err() != nil {
			return nil //nolint:nilerr // its actor has ended: the next incarnation dials anew, and this is nobody's failure
		}
		l.endDial(attempt, dialed{conn: conn, err: err})
		_ = self.Send(wake{}) // an owner that is being restarted looks for itself
		return nil
	})
}

// dial opens a socket to the hub with the credentials of the device, signed now.
func (d *Device) dial(ctx context.Context) (transport.Conn, error) {
	header := make(http.Header, 4)
	if s := d.cfg.Hub.Secret; s != nil {
		signed, err := s.Sign(d.now())
		if err != nil {
			return nil, err
		}
		for _, h := range signed {
			header.Set(h.Name, h.Value)
		}
	}
	return d.dialer.Dial(ctx, transport.Request{URL: d.url, Header: header})
}

// dialFailed says why the device is not connected and what to do, learns the time from a refusal, and makes the core's input.
func (c *connection) dialFailed(err error) protocol.SocketInput {
	in := protocol.SocketInput{Kind: protocol.SocketDialFailed, Cause: err}
	if errors.Is(err, context.Canceled) {
		return in
	}
	var refused *transport.RefusedError
	if errors.As(err, &refused) {
		in.After = refused.RetryAfter()
		c.learnTime(refused)
	}
	return in
}
