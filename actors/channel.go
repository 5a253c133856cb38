package actors

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/supervisor"
)

// channel is what every topic actor has in common: it drives the channel core, talks to connection,
// and keeps what it gave to connection until it hears that it went out. What a topic means is the
// business of its hooks.
type channel struct {
	dev    *Device
	topic  topic
	core   *protocol.Channel
	hooks  hooks
	gen    uint64
	up     bool
	given  uint64     // the last transmission
	outbox []transmit // given to connection, not known to have gone out
	loop   drive
	log    zerolog.Logger
}

// hooks is what a topic does when its channel core has something to say.
type hooks interface {
	params(
		ctx *supervisor.Ctx,
	) error // build join parameters, then call joinWith
	joined(ctx *supervisor.Ctx, response jsontext.Value) error // the hub accepted the join
	event(ctx *supervisor.Ctx, msg protocol.Message) error     // the hub pushed an event
	effect(
		ctx *supervisor.Ctx,
		e protocol.ChannelEffect,
	) error // anything else: replies, losses
	linked(
		ctx *supervisor.Ctx,
		up bool,
	) (protocol.ChannelInput, bool) // the socket came or went: what the core is told, if anything
}

// ask is what a topic actor does first: it learns where the socket stands.
func (c *channel) ask() {
	_ = c.dev.connection.Send(
		askLink{topic: c.topic},
	) // none alive: the next one tells all topics when it starts
}

// receive handles what all topics handle alike; false means that the message is the topic's own.
func (c *channel) receive(ctx *supervisor.Ctx, msg any) (bool, error) {
	switch m := msg.(type) {
	case linkState:
		return true, c.linkState(ctx, m)
	case sent:
		return true, c.sent(ctx, m)
	case delivered:
		return true, c.delivered(ctx, m)
	case push:
		return true, c.push(ctx, m)
	case tick:
		return true, c.step(ctx, protocol.ChannelInput{})
	default:
		return false, nil
	}
}

// linkState: a new generation means join anew; the same one means that connection was restarted and
// may have lost what had been sent to it, so everything after the last transmission that it took
// over is sent again.
func (c *channel) linkState(ctx *supervisor.Ctx, m linkState) error {
	// connection counts those of an incarnation before: it has not had our question, or lost it with a
	// crash
	if m.tag > c.given {
		c.ask()
		return nil
	}
	if m.up && c.up && m.gen == c.gen {
		after := uint64(0)
		for _, t := range c.outbox {
			if t.tag > m.tag {
				t.after = after
				_ = c.dev.connection.Send(t)
			}
			after = t.tag
		}
		return nil
	}
	if !m.up && !c.up {
		return nil
	}
	c.up, c.gen, c.outbox = m.up, m.gen, nil
	if in, tell := c.hooks.linked(ctx, m.up); tell {
		return c.step(ctx, in)
	}
	return nil
}

func (c *channel) sent(ctx *supervisor.Ctx, m sent) error {
	for i, t := range c.outbox {
		if t.tag == m.tag {
			c.outbox = append(c.outbox[:i], c.outbox[i+1:]...)
			break
		}
	}
	if len(c.outbox) == 0 {
		c.outbox = nil
	}
	return c.step(ctx, protocol.ChannelInput{Kind: protocol.ChannelSent, Tag: m.tag, Ref: m.ref})
}

func (c *channel) delivered(ctx *supervisor.Ctx, m delivered) error {
	if m.gen != c.gen {
		return nil // of an older socket
	}
	return c.step(ctx, protocol.ChannelInput{Kind: protocol.ChannelReceived, Msg: m.msg})
}

func (c *channel) push(ctx *supervisor.Ctx, m push) error {
	return c.step(ctx, protocol.ChannelInput{
		Kind: protocol.ChannelPush, Tag: m.seq, Reply: m.reply,
		Msg: protocol.Message{Event: m.event, Payload: m.payload},
	})
}

// joinWith gives the core its join parameters.
func (c *channel) joinWith(ctx *supervisor.Ctx, payload jsontext.Value) error {
	return c.step(
		ctx,
		protocol.ChannelInput{Kind: protocol.ChannelParams, Msg: protocol.Message{Payload: payload}},
	)
}

func (c *channel) step(ctx *supervisor.Ctx, in protocol.ChannelInput) error {
	for _, e := range c.core.Step(time.Now(), in, nil) {
		ctx.Checkpoint("effect")
		if err := c.apply(ctx, e); err != nil {
			return err
		}
	}
	c.loop.arm(ctx, c.core.Deadline())
	return nil
}

func (c *channel) apply(ctx *supervisor.Ctx, e protocol.ChannelEffect) error {
	switch e.Kind {
	case protocol.DoParams:
		return c.hooks.params(ctx)
	case protocol.DoTransmit:
		t := transmit{topic: c.topic, tag: e.Tag, msg: e.Msg}
		if n := len(c.outbox); n > 0 {
			t.after = c.outbox[n-1].tag
		}
		c.given, c.outbox = t.tag, append(c.outbox, t)
		_ = c.dev.connection.Send(t) // lost with a crash of connection: sent again at its next linkState
	case protocol.DoJoined:
		return c.hooks.joined(ctx, e.Msg.Payload)
	case protocol.DoEvent:
		return c.hooks.event(ctx, e.Msg)
	case protocol.DoReconnect:
		c.log.Warn().Str("topic", c.topic.name()).Msg("joins keep failing, asking for a new socket")
		_ = c.dev.connection.Send(reconnect{}) // lost: the next failing joins ask again
	case protocol.DoStale:
		c.dev.board.count(func(n *Counters) { n.Stale++ })
	case protocol.DoRefused,
		protocol.DoErrored,
		protocol.DoPushed,
		protocol.DoReply,
		protocol.DoPushTimeout,
		protocol.DoNotJoined,
		protocol.DoLeft:
		return c.hooks.effect(ctx, e)
	default:
		return fmt.Errorf("channel %s: unknown effect %d", c.topic.name(), e.Kind)
	}
	return nil
}
