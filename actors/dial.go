package actors

import (
	"context"
	"errors"
	"net/http"
	"time"

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

// dial starts one attempt. The request is signed in the goroutine that dials, at the moment of
// dialling: a signature is good for 90 seconds, a backoff can be longer.
func (c *connection) dial(ctx *supervisor.Ctx) {
	l, self := c.link, ctx.Self()
	attempt := l.beginDial()
	c.dev.board.connecting()
	ctx.Go("dial", func(ctx context.Context) error {
		c.awaitNetwork(ctx)
		d := c.dev.dial(ctx)
		if d.err != nil && ctx.Err() != nil {
			return nil //nolint:nilerr // its actor has ended: the next incarnation dials anew, and this is nobody's failure
		}
		l.endDial(attempt, d)
		_ = self.Send(wake{}) // an owner that is being restarted looks for itself
		return nil
	})
}

// dial opens a socket to the hub. A hub that refuses MessagePack is asked for JSON at once, and
// from then on. It answers 403, but so may a proxy in between: only one that goes further with JSON
// is taken for such a hub.
func (d *Device) dial(ctx context.Context) dialed {
	if d.cfg.Hub.Serializer != MessagePack || d.asJSON.Load() {
		return d.dialAs(ctx, protocol.JSON{})
	}
	packed := d.dialAs(ctx, protocol.MessagePack{})
	if !forbidden(packed.err) {
		return packed
	}
	plain := d.dialAs(ctx, protocol.JSON{})
	var refused *transport.RefusedError
	if !forbidden(plain.err) && (plain.err == nil || errors.As(plain.err, &refused)) {
		d.asJSON.Store(true)
		log := d.log("connection")
		log.Warn().Msg("hub refuses MessagePack, going on with JSON until the next start")
	}
	return plain
}

// forbidden says that the hub has answered 403, as it does to a protocol version that it does not
// know.
func forbidden(err error) bool {
	var refused *transport.RefusedError
	return errors.As(err, &refused) && refused.Status == http.StatusForbidden
}

// serializerOf names a codec.
func serializerOf(c protocol.Codec) string {
	if c.Binary() {
		return MessagePack
	}
	return JSON
}

// dialAs dials for a codec, with the credentials of the device, signed now.
func (d *Device) dialAs(ctx context.Context, codec protocol.Codec) dialed {
	header := make(http.Header, 4)
	if s := d.cfg.Hub.Secret; s != nil {
		signed, err := s.Sign(d.now())
		if err != nil {
			return dialed{err: err}
		}
		for _, h := range signed {
			header.Set(h.Name, h.Value)
		}
	}
	u := *d.route.now()
	q := u.Query()
	q.Set("vsn", codec.Version())
	u.RawQuery = q.Encode()
	conn, err := d.dialer.Dial(ctx, transport.Request{URL: &u, Header: header})
	return dialed{conn: conn, codec: codec, err: err}
}

// dialFailed says why the device is not connected and what to do, learns the time from a refusal,
// and makes the core's input.
func (c *connection) dialFailed(ctx *supervisor.Ctx, err error) protocol.SocketInput {
	in := protocol.SocketInput{Kind: protocol.SocketDialFailed, Cause: err}
	if errors.Is(err, context.Canceled) {
		return in
	}
	var refused *transport.RefusedError
	if errors.As(err, &refused) {
		in.After = refused.RetryAfter()
		c.learnTime(ctx, refused)
	}
	in.After = c.dev.route.failed(time.Now(), in.After)
	return in
}
