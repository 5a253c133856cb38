package channels

import (
	"iter"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/board"
	"github.com/hublink-go/hublink/actors/internal/drive"
	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/actors/internal/resend"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/supervisor"
)

// channel drives the core of one topic for its actor: it talks to connection, and keeps what it
// gave to connection until it hears that it went out. What a topic means is the actor's part.
type channel struct {
	door   *Door
	topic  message.Topic
	core   protocol.Channel
	window resend.Window
	timer  drive.Timer // armed by the actor, which may have deadlines of its own
	log    *zerolog.Logger
}

func newChannel(door *Door, topic message.Topic, log *zerolog.Logger) channel {
	cfg := protocol.ChannelConfig{
		Topic: topic.Name(), UnmatchedIsFinal: topic == message.TopicExtensions,
	}
	return channel{
		door: door, topic: topic, log: log,
		core: protocol.NewChannel(cfg, door.Rand(uint64(topic))),
	}
}

// ask asks connection where the socket stands. A connection that is being restarted tells all
// channels when it starts.
func (c *channel) ask() {
	_ = c.door.Connection.Send(message.AskLink{Topic: c.topic})
}

// link takes in the state of the socket and returns what it means for the topic. It sends again
// what a crash of connection lost.
func (c *channel) link(m message.LinkState) resend.Change {
	change, items := c.window.Link(resend.Link{Gen: m.Gen, Up: m.Up, Taken: m.Tag})
	if change == resend.Unknown {
		c.ask()
	}
	for _, it := range items {
		_ = c.door.Connection.Send(message.Transmit{Topic: c.topic, Item: it})
	}
	return change
}

// sent, received, push and params are the inputs of the core that every topic has.
func (c *channel) sent(m message.Sent) protocol.ChannelInput {
	c.window.Sent(m.Tag)
	return protocol.ChannelInput{Kind: protocol.ChannelSent, Tag: m.Tag, Ref: m.Ref}
}

// received reports false for a message of an older socket.
func (c *channel) received(m message.Delivered) (protocol.ChannelInput, bool) {
	in := protocol.ChannelInput{Kind: protocol.ChannelReceived, Msg: m.Msg}
	return in, m.Gen == c.window.Gen()
}

func params(payload jsontext.Value) protocol.ChannelInput {
	return protocol.ChannelInput{
		Kind: protocol.ChannelParams, Msg: protocol.Message{Payload: payload},
	}
}

// step feeds the core and returns, in order, the effects that are the topic's; it carries out the
// others as it comes to them.
func (c *channel) step(
	ctx *supervisor.Ctx, in protocol.ChannelInput,
) iter.Seq[protocol.ChannelEffect] {
	effects := c.core.Step(time.Now(), in, nil)
	return func(yield func(protocol.ChannelEffect) bool) {
		for _, e := range effects {
			ctx.Checkpoint("effect")
			if !c.apply(e) && !yield(e) {
				return
			}
		}
	}
}

// apply carries out an effect that means the same for every topic; it reports false for the others.
func (c *channel) apply(e protocol.ChannelEffect) bool {
	switch e.Kind {
	case protocol.DoTransmit:
		// lost with a crash of connection: sent again at its next LinkState
		_ = c.door.Connection.Send(message.Transmit{
			Topic: c.topic, Item: c.window.Add(e.Tag, e.Msg),
		})
	case protocol.DoReconnect:
		c.log.Warn().Str("topic", c.topic.Name()).
			Msg("joins keep failing; asking for a new socket")
		_ = c.door.Connection.Send(message.Reconnect{}) // lost: the next failing joins ask again
	case protocol.DoStale:
		c.door.Board.Count(func(n *board.Counters) { n.Stale++ })
	default:
		return false
	}
	return true
}
