package fedecks

import (
	"context"
	"net/http"

	"github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/supervisor"
)

// dial makes one attempt in a goroutine, which ends with the attempt or the actor. Only that
// goroutine keeps the credentials.
func (c *connector) dial(ctx *supervisor.Ctx, e fedecks.ClientEffect) {
	cl, self, id := c.client, ctx.Self(), of{incarnation: c.self.incarnation, gen: e.Gen}
	limited, cancel := context.WithTimeout(context.Background(), cl.cfg.Times.Handshake)
	c.cancels[e.Gen] = cancel
	ctx.Go("dial", func(ctx context.Context) error {
		defer cancel()
		stop := context.AfterFunc(ctx, cancel)
		defer stop()
		conn, err := cl.dial(limited, e)
		if err != nil {
			_ = self.Send(dialFailed{of: id, err: err}) // lost when the connector has ended
			return nil
		}
		if self.Send(opened{of: id, conn: conn}) != nil {
			_ = conn.Abort()
		}
		return nil
	})
}

func (c *Client) dial(ctx context.Context, e fedecks.ClientEffect) (transport.Conn, error) {
	header, err := fedecks.TokenHeader(c.cfg.DeviceID, e.Token)
	if e.Credentials != nil {
		header, err = fedecks.LoginHeader(c.cfg.DeviceID, e.Credentials)
	}
	if err != nil {
		return nil, err
	}
	h := http.Header{fedecks.HeaderAuth: {header}}
	return c.cfg.Dialer.Dial(ctx, transport.Request{URL: c.url, Header: h})
}

// read passes messages and pongs of a connection to the connector until the connection ends.
func (c *connector) read(ctx *supervisor.Ctx, id of, l *link) {
	self := ctx.Self()
	if p, ok := l.conn.(transport.Pinger); ok {
		p.OnPong(func(data []byte) {
			if string(data) == c.client.cfg.DeviceID && l.ponged.CompareAndSwap(false, true) {
				_ = self.Send(ponged{of: id, link: l})
			}
		})
	}
	ctx.Go("read", func(ctx context.Context) error {
		for {
			kind, data, err := l.conn.ReadMessage(nil)
			if err != nil {
				_ = self.Send(lost{of: id, err: err}) // lost when the connector has ended
				return nil                            //nolint:nilerr // the connector judges the end
			}
			if kind != transport.Binary {
				continue // Fedecks sends binary messages only
			}
			select {
			case l.space <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			_ = self.Send(inward{of: id, link: l, data: data})
		}
	})
}

// write sends one message and answers its sender. After a failed write the reader ends and reports
// why.
func (c *connector) write(e fedecks.ClientEffect) {
	l := c.links[e.Gen]
	if l == nil {
		c.answer(e.Tag, ErrNotConnected)
		return
	}
	err := l.conn.WriteMessage(transport.Binary, e.Data)
	if err != nil && !tooBig(err) {
		c.announce(Event{Kind: EventConnectionError, Reason: err})
		_ = l.conn.Abort()
	}
	c.answer(e.Tag, err)
}

func (c *connector) ping(e fedecks.ClientEffect) {
	if l := c.links[e.Gen]; l != nil {
		if p, ok := l.conn.(transport.Pinger); ok {
			_ = p.Ping(e.Data) // a failure ends the reader, which reports it
		}
	}
}

// hangup closes in a goroutine, because Close waits for the answer of the peer.
func (c *connector) hangup(ctx *supervisor.Ctx, e fedecks.ClientEffect) {
	l := c.links[e.Gen]
	if l == nil {
		return
	}
	delete(c.links, e.Gen)
	ctx.Go("hang up", func(context.Context) error {
		_ = l.conn.Close(e.Code, "") // bounded by the transport
		return nil
	})
}

// answer answers the sender of the message with tag. A sender whose message entered the queue was
// answered before; answer then emits an event if the message was lost.
func (c *connector) answer(tag uint64, err error) {
	caller, waits := c.waiting[tag]
	delete(c.waiting, tag)
	switch {
	case waits:
		caller.Reply(sent{err: err})
	case err != nil && tag != 0:
		c.announce(Event{Kind: EventDropped, Reason: err})
	}
}

func (c *connector) announce(e Event) {
	log := c.client.log.Debug()
	switch e.Kind {
	case EventUnregistered:
		log = c.client.log.Warn()
	case EventConnected, EventConnectionLost:
		log = c.client.log.Info()
	}
	log.Str("event", e.Kind.String()).Err(e.Reason).Int("status", e.Status).Msg("fedecks")
	c.client.emit(e)
}
