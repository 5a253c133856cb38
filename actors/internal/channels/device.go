package channels

import (
	"fmt"

	"github.com/hublink-go/hublink/actors/internal/board"
	"github.com/hublink-go/hublink/actors/internal/drive"
	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/actors/internal/resend"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/hub"
	"github.com/hublink-go/hublink/supervisor"
)

// device is the device's channel to the hub: it joins with what the updater knows of the firmware,
// hands what the hub sends to the concern that it belongs to, and pushes what the concerns answer.
type device struct {
	door    *DeviceDoor
	channel channel
	updates updates
	list    extensionsList
}

// NewDevice makes an incarnation of channel/device.
func NewDevice(door *DeviceDoor) supervisor.Behavior {
	c := &device{door: door}
	c.channel = newChannel(door.Door, message.TopicDevice, door.Log("channel/device"))
	c.updates = updates{door: door, log: c.channel.log}
	c.list = extensionsList{door: door, log: c.channel.log}
	return c
}

// Init asks for the state of the socket.
func (c *device) Init(*supervisor.Ctx) error {
	c.channel.ask()
	return nil
}

// Receive handles one message; see the table in package actors.
func (c *device) Receive(ctx *supervisor.Ctx, msg any) error {
	switch m := msg.(type) {
	case message.LinkState:
		return c.link(ctx, m)
	case message.Sent:
		c.updates.written(m)
		return c.step(ctx, c.channel.sent(m))
	case message.Delivered:
		if in, ok := c.channel.received(m); ok {
			return c.step(ctx, in)
		}
		return nil
	case message.Confirmed:
		c.updates.confirmed(m)
		return nil
	case message.JoinParams:
		return c.join(ctx, m)
	case message.Push:
		if c.updates.pushing(m) {
			return c.push(ctx, hub.Push{Event: m.Event, Payload: m.Payload}, m.Seq)
		}
		return nil
	case message.AskChannel:
		if c.joined() {
			return c.pushAll(ctx, c.updates.asked())
		}
		return nil
	case message.AskOffered:
		if c.joined() { // else channel/extensions hears of it after the join
			c.list.tell()
		}
		return nil
	case drive.Tick:
		return c.step(ctx, protocol.ChannelInput{})
	default:
		return ctx.Unexpected(msg)
	}
}

// Terminate has nothing to undo: the hub notices a channel that joins anew.
func (c *device) Terminate(*supervisor.Ctx, error) {}

func (c *device) joined() bool { return c.channel.core.State() == protocol.Joined }

func (c *device) link(ctx *supervisor.Ctx, m message.LinkState) error {
	switch c.channel.link(m) {
	case resend.Opened:
		return c.step(ctx, protocol.ChannelInput{Kind: protocol.ChannelUp, Gen: m.Gen})
	case resend.Closed:
		return c.step(ctx, protocol.ChannelInput{Kind: protocol.ChannelDown})
	default:
		return nil
	}
}

// join gives the core its join parameters. They come unasked from an updater that has restarted;
// the core transmits a join only when it has asked for them.
func (c *device) join(ctx *supervisor.Ctx, m message.JoinParams) error {
	payload, err := m.Join.Payload()
	if err != nil {
		return err
	}
	before := c.channel.window.Last()
	if err := c.step(ctx, params(payload)); err != nil {
		return err
	}
	if c.channel.window.Last() > before {
		c.updates.joining(m)
	}
	return nil
}

func (c *device) push(ctx *supervisor.Ctx, p hub.Push, seq uint64) error {
	return c.step(ctx, protocol.ChannelInput{
		Kind: protocol.ChannelPush, Tag: seq,
		Msg: protocol.Message{Event: p.Event, Payload: p.Payload},
	})
}

// pushAll pushes what a concern has to say; those pushes are no reports of the updater.
func (c *device) pushAll(ctx *supervisor.Ctx, pushes []hub.Push) error {
	for _, p := range pushes {
		if err := c.push(ctx, p, 0); err != nil {
			return err
		}
	}
	return nil
}

func (c *device) step(ctx *supervisor.Ctx, in protocol.ChannelInput) error {
	for e := range c.channel.step(ctx, in) {
		if err := c.apply(ctx, e); err != nil {
			return err
		}
	}
	c.channel.timer.Arm(ctx, c.channel.core.Deadline())
	return nil
}

func (c *device) apply(ctx *supervisor.Ctx, e protocol.ChannelEffect) error {
	switch e.Kind {
	case protocol.DoParams:
		// The updater alone knows the running firmware and what is being downloaded. An updater that is
		// being restarted sends them unasked when it is back.
		_ = c.door.Updater.Send(message.AskParams{})
	case protocol.DoJoined:
		return c.hasJoined(ctx, e.Msg)
	case protocol.DoEvent:
		return c.event(ctx, e.Msg)
	case protocol.DoPushed:
		c.updates.pushed(c.channel.window.Last(), e.Tag)
	case protocol.DoRefused:
		c.door.Board.Problem(e.Cause.Error())
		c.channel.log.Warn().Err(e.Cause).Msg(
			"the hub refused the join; check the device and its product on the hub; joining again")
	case protocol.DoErrored:
		c.channel.log.Info().Err(e.Cause).Msg("channel lost; joining again")
		c.updates.lost()
		_ = c.door.Client.Send(message.TellDisconnected{})
	case protocol.DoReply, protocol.DoPushTimeout, protocol.DoNotJoined, protocol.DoLeft:
		// no concern of this topic waits for a reply
	default:
		return fmt.Errorf("channel/device: unknown effect %d", e.Kind)
	}
	return nil
}

func (c *device) hasJoined(ctx *supervisor.Ctx, response protocol.Message) error {
	c.door.Board.Joined()
	c.door.Events.Joined()
	c.channel.log.Info().Msg("connected")
	_ = c.door.Connection.Send(message.DeviceJoined{})
	c.updates.joined()
	_ = c.door.Client.Send(message.TellConnected{})
	c.list.joined()
	if hub.HasUpdate(response.Payload) { // hubs before deployments offer in the join reply
		return c.pushAll(ctx, c.updates.offer(response.Payload))
	}
	return nil
}

// event hands an event of the hub to its concern.
func (c *device) event(ctx *supervisor.Ctx, msg protocol.Message) error {
	switch msg.Event {
	case hub.EventUpdate:
		return c.pushAll(ctx, c.updates.offer(msg.Payload))
	case hub.EventExtensionsGet:
		c.list.get(msg.Payload)
	case hub.EventScript:
		return c.pushAll(ctx, script(c.door.Board, msg.Payload))
	case hub.EventReboot:
		_ = c.door.Updater.Send(message.RebootWanted{Reason: "the hub asked for it"})
	case hub.EventIdentify:
		_ = c.door.Client.Send(message.TellIdentify{})
	default:
		c.door.Board.Count(func(n *board.Counters) { n.Unknown++ })
		c.channel.log.Debug().Str("event", msg.Event).Msg("unknown event ignored")
	}
	return nil
}
