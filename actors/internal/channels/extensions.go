package channels

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hublink-go/hublink/actors/internal/attach"
	"github.com/hublink-go/hublink/actors/internal/board"
	"github.com/hublink-go/hublink/actors/internal/drive"
	"github.com/hublink-go/hublink/actors/internal/errand"
	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/actors/internal/resend"
	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/hub"
	"github.com/hublink-go/hublink/supervisor"
)

// extensionsTopic negotiates the extensions, starts and stops their actors, and carries their
// messages.
type extensionsTopic struct {
	door    *ExtensionsDoor
	channel channel
	table   attach.Table
	offer   offer
	flights flights
	errands errand.Queue // starts and stops: a detach must not overtake the attach before it
}

// extensionStarted: the result of an errand that has started an extension's supervisor, for the
// attach of that number.
type extensionStarted struct {
	name   string
	number uint64
	err    error
}

// NewExtensions makes an incarnation of channel/extensions.
func NewExtensions(door *ExtensionsDoor) supervisor.Behavior {
	names := make([]string, len(door.Factories))
	for i, f := range door.Factories {
		names[i] = f.Name
	}
	c := &extensionsTopic{door: door, table: attach.New(names)}
	c.channel = newChannel(door.Door, message.TopicExtensions, door.Log("channel/extensions"))
	return c
}

// Init asks for the state of the socket.
func (c *extensionsTopic) Init(*supervisor.Ctx) error {
	c.channel.ask()
	return nil
}

// Receive handles one message; see the table in package actors.
func (c *extensionsTopic) Receive(ctx *supervisor.Ctx, msg any) error {
	switch m := msg.(type) {
	case message.LinkState:
		return c.link(ctx, m)
	case message.Sent:
		c.landed(m.Tag)
		return c.step(ctx, c.channel.sent(m))
	case message.Delivered:
		if in, ok := c.channel.received(m); ok {
			return c.step(ctx, in)
		}
		return nil
	case message.ExtensionsPending:
		c.offer.pending(time.Now())
		c.arm(ctx)
		return nil
	case message.ExtensionsOffered:
		return c.join(ctx, m.Advertised)
	case message.ExtensionReady:
		return c.ready(ctx, m.Name)
	case message.ExtensionHung:
		return c.hung(ctx, m.Name)
	case message.ExtensionPush:
		return c.extensionPush(ctx, m)
	case errand.Done:
		c.errands.Finish(ctx)
		if started, ok := m.Result.(extensionStarted); ok {
			return c.started(ctx, started)
		}
		return nil
	case supervisor.Down:
		return c.quarantined(ctx, m)
	case drive.Tick:
		return c.tick(ctx)
	default:
		return ctx.Unexpected(msg)
	}
}

// Terminate stops nothing: extensions outlive a crash of their channel and are detached by its next
// incarnation.
func (c *extensionsTopic) Terminate(*supervisor.Ctx, error) {}

// link asks what the hub has offered on a socket that may be older than this actor. The core hears
// of a socket only when there is something to join for.
func (c *extensionsTopic) link(ctx *supervisor.Ctx, m message.LinkState) error {
	switch c.channel.link(m) {
	case resend.Opened:
		c.offer, c.flights = offer{}, flights{}
		_ = c.door.Device.Send(message.AskOffered{}) // being restarted: it joins and tells
		return nil
	case resend.Closed:
		c.offer, c.flights = offer{}, flights{}
		return c.step(ctx, protocol.ChannelInput{Kind: protocol.ChannelDown})
	default:
		return nil
	}
}

// tick: the deadline of the offer or of the core has come.
func (c *extensionsTopic) tick(ctx *supervisor.Ctx) error {
	if c.offer.due(time.Now()) {
		return c.join(ctx, nil)
	}
	return c.step(ctx, protocol.ChannelInput{})
}

// join joins, or joins again with what the hub offers now.
func (c *extensionsTopic) join(ctx *supervisor.Ctx, advertised map[string][]string) error {
	if !c.channel.window.Up() {
		c.offer.until = time.Time{}
		return nil
	}
	if c.offer.take(advertised) {
		return c.step(ctx, protocol.ChannelInput{Kind: protocol.ChannelUp, Gen: c.channel.window.Gen()})
	}
	return c.step(ctx, protocol.ChannelInput{Kind: protocol.ChannelRejoin})
}

func (c *extensionsTopic) step(ctx *supervisor.Ctx, in protocol.ChannelInput) error {
	for e := range c.channel.step(ctx, in) {
		if err := c.apply(ctx, e); err != nil {
			return err
		}
	}
	c.arm(ctx)
	return nil
}

func (c *extensionsTopic) arm(ctx *supervisor.Ctx) {
	c.channel.timer.Arm(ctx, drive.Earliest(c.offer.until, c.channel.core.Deadline()))
}

func (c *extensionsTopic) apply(ctx *supervisor.Ctx, e protocol.ChannelEffect) error {
	switch e.Kind {
	case protocol.DoParams:
		return c.params(ctx)
	case protocol.DoJoined:
		return c.joined(ctx, e.Msg.Payload)
	case protocol.DoEvent:
		return c.event(ctx, e.Msg)
	case protocol.DoReply:
		if !e.OK && hub.IsDetach(e.Msg.Payload) {
			c.stop(ctx, c.door.Factories[e.Tag-1].Name)
		}
	case protocol.DoErrored, protocol.DoLeft:
		for _, name := range c.table.Names() {
			_ = c.door.extension(name).Send(message.ExtensionDetached{})
		}
		c.door.Board.Extensions(nil)
	case protocol.DoRefused:
		c.channel.log.Info().Err(e.Cause).Msg("the hub refused the extensions channel")
	case protocol.DoPushed, protocol.DoPushTimeout, protocol.DoNotJoined:
		// extensions are told nothing and ask for nothing
	default:
		return fmt.Errorf("channel/extensions: unknown effect %d", e.Kind)
	}
	return nil
}

func (c *extensionsTopic) params(ctx *supervisor.Ctx) error {
	versions := extensions.Negotiate(c.door.Factories, c.offer.advertised)
	c.table.Agree(versions)
	payload, err := hub.JoinExtensions(versions)
	if err != nil {
		return err
	}
	return c.step(ctx, params(payload))
}

// joined attaches what the hub asks for and stops what it no longer wants.
func (c *extensionsTopic) joined(ctx *supervisor.Ctx, response jsontext.Value) error {
	names, err := hub.ParseAttachList(response)
	if err != nil {
		c.channel.log.Warn().Err(err).
			Msg("the hub's attach list cannot be read; nothing attached")
		return nil
	}
	for _, name := range c.table.Except(names) {
		c.stop(ctx, name)
	}
	c.unknown(names)
	return c.attach(ctx, names)
}

func (c *extensionsTopic) event(ctx *supervisor.Ctx, msg protocol.Message) error {
	switch msg.Event {
	case hub.EventAttach:
		return c.attach(ctx, c.named(msg.Payload))
	case hub.EventDetach:
		return c.detach(ctx, c.named(msg.Payload))
	}
	name, event, ok := hub.SplitExtensionEvent(msg.Event)
	if !ok || !c.table.Attached(name) {
		c.door.Board.Count(func(n *board.Counters) { n.Unknown++ })
		c.channel.log.Debug().Str("event", msg.Event).
			Msg("message for an extension that is not attached; ignored")
		return nil
	}
	// being restarted: lost, the hub asks again
	_ = c.door.extension(name).Send(message.ExtensionMessage{Event: event, Payload: msg.Payload})
	return nil
}

// named reads which extensions an attach or detach means; "all" means those of the device.
func (c *extensionsTopic) named(payload jsontext.Value) []string {
	names, all, err := hub.ParseExtensionNames(payload)
	if err != nil {
		c.channel.log.Debug().Err(err).Msg("attach or detach cannot be read; ignored")
		return nil
	}
	if !all {
		return names
	}
	names = names[:0]
	for _, f := range c.door.Factories {
		names = append(names, f.Name)
	}
	return names
}

// extensionPush pushes what an extension has to say. The extension learns when connection has
// written it, so that a slow socket slows the extension down.
func (c *extensionsTopic) extensionPush(ctx *supervisor.Ctx, m message.ExtensionPush) error {
	if !c.table.Attached(m.Name) {
		return nil
	}
	before := c.channel.window.Last()
	if err := c.say(ctx, m.Name, m.Event, m.Payload); err != nil {
		return err
	}
	f := flight{tag: c.channel.window.Last(), name: m.Name, bytes: len(m.Payload)}
	if f.tag == before { // the channel is not joined: the push was dropped
		c.land(f)
		return nil
	}
	c.flights.add(f)
	return nil
}

// landed tells the extensions whose pushes connection has written, up to tag.
func (c *extensionsTopic) landed(tag uint64) {
	for f, ok := c.flights.next(tag); ok; f, ok = c.flights.next(tag) {
		c.land(f)
	}
}

func (c *extensionsTopic) land(f flight) {
	// the extension has ended: its window has, too
	_ = c.door.extension(f.name).Send(message.ExtensionSent{Bytes: f.bytes})
}

// say pushes `<name>:<event>`. The hub replies only to refuse the extension; the tag says which one
// that was.
func (c *extensionsTopic) say(
	ctx *supervisor.Ctx, name, event string, payload jsontext.Value,
) error {
	in := protocol.ChannelInput{
		Kind: protocol.ChannelPush,
		Msg:  protocol.Message{Event: name + ":" + event, Payload: payload},
	}
	for i, f := range c.door.Factories {
		if f.Name == name {
			in.Tag, in.Reply = uint64(i)+1, true
		}
	}
	return c.step(ctx, in)
}
