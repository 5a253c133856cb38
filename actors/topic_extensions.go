package actors

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/hub"
	"github.com/hublink-go/hublink/supervisor"
)

// offerPatience is how long after the device's join an `extensions:get` is waited for before the
// channel joins without one (extensions protocol of the hub: join anyway after 5 s).
const offerPatience = 5 * time.Second

// extensionsChannel negotiates the extensions, starts and stops their actors, and carries their
// messages.
type extensionsChannel struct {
	channel
	versions map[string]string // what the last join offered
	attached map[string]bool   // the hub wants it
	asked    map[string]uint64 // number of the last attach
	number   uint64
	errands  errands // starts and stops: a detach must not overtake the attach before it
	offer    *extensionsOffered
	patience supervisor.Timer
}

// Messages to channel/extensions.
type (
	// extensionsPending: from channel/device, it has joined; an `extensions:get` may follow. Lost: the
	// next join tells again.
	extensionsPending struct{}
	// extensionsOffered: from channel/device, what the hub's `extensions:get` said; nil for a hub that
	// lists nothing. Lost with a crash of channel/extensions: it asks when it starts.
	extensionsOffered struct{ advertised map[string][]string }
	// patienceOver: from its own timer.
	patienceOver struct{}
	// extensionStarted: the result of an errand that has started an extension's supervisor, for the
	// attach of that number.
	extensionStarted struct {
		name   string
		number uint64
		err    error
	}
	// extensionReady: from an extension's actor when it starts, also after a crash; answered with
	// extensionAttached when it is.
	extensionReady struct{ name string }
	// extensionPush: from an extension's actor.
	extensionPush struct {
		name    string
		event   string
		payload jsontext.Value
	}
)

func (d *Device) newExtensionsChannel(supervisor.Heir) supervisor.Behavior {
	c := &extensionsChannel{attached: map[string]bool{}, asked: map[string]uint64{}}
	c.channel = channel{
		dev:   d,
		topic: topicExtensions,
		core:  d.newChannelCore(topicExtensions),
		hooks: c,
		log:   d.log("channel/extensions"),
	}
	return c
}

// tellExtensions sends msg to channel/extensions, if the device has any extension.
func (d *Device) tellExtensions(msg any) {
	if len(d.cfg.Extensions) > 0 {
		_ = d.topics[topicExtensions].Send(msg) // one that is being restarted asks
	}
}

// Init asks for the state of the socket.
func (c *extensionsChannel) Init(*supervisor.Ctx) error {
	c.ask()
	return nil
}

// Receive handles one message; see the table in the package documentation.
func (c *extensionsChannel) Receive(ctx *supervisor.Ctx, msg any) error {
	if done, err := c.receive(ctx, msg); done {
		return err
	}
	switch m := msg.(type) {
	case extensionsPending:
		c.wait(ctx)
		return nil
	case patienceOver:
		return c.join(ctx, extensionsOffered{})
	case extensionsOffered:
		return c.join(ctx, m)
	case errandDone:
		c.errands.done(ctx)
		if started, ok := m.result.(extensionStarted); ok {
			return c.started(ctx, started)
		}
		return nil
	case extensionReady:
		c.ready(m.name)
		return nil
	case extensionPush:
		return c.extensionPush(ctx, m)
	case supervisor.Down:
		return c.quarantined(ctx, m)
	default:
		return ctx.Unexpected(msg)
	}
}

// Terminate stops nothing: extensions outlive a crash of their channel and are detached by its next
// incarnation.
func (c *extensionsChannel) Terminate(*supervisor.Ctx, error) {}

// linked asks what the hub has offered on a socket that may be older than this actor. The core
// hears of a socket only when there is something to join for.
func (c *extensionsChannel) linked(_ *supervisor.Ctx, up bool) (protocol.ChannelInput, bool) {
	c.stopWaiting()
	c.offer = nil
	if up {
		_ = c.dev.topics[topicDevice].Send(askOffered{}) // being restarted: it joins and tells
	}
	return protocol.ChannelInput{Kind: protocol.ChannelDown}, !up
}

func (c *extensionsChannel) wait(ctx *supervisor.Ctx) {
	if c.offer != nil {
		return
	}
	c.stopWaiting()
	c.patience = ctx.After(offerPatience, patienceOver{})
}

func (c *extensionsChannel) stopWaiting() {
	c.patience.Stop()
	c.patience = supervisor.Timer{}
}

// join joins, or joins again with what the hub offers now.
func (c *extensionsChannel) join(ctx *supervisor.Ctx, m extensionsOffered) error {
	c.stopWaiting()
	if !c.up {
		return nil
	}
	first := c.offer == nil
	c.offer = &m
	if first {
		return c.step(ctx, protocol.ChannelInput{Kind: protocol.ChannelUp, Gen: c.gen})
	}
	return c.step(ctx, protocol.ChannelInput{Kind: protocol.ChannelRejoin})
}

func (c *extensionsChannel) params(ctx *supervisor.Ctx) error {
	c.versions = extensions.Negotiate(c.dev.cfg.Extensions, c.offer.advertised)
	payload, err := hub.JoinExtensions(c.versions)
	if err != nil {
		return err
	}
	return c.joinWith(ctx, payload)
}

// joined attaches what the hub asks for and stops what it no longer wants.
func (c *extensionsChannel) joined(ctx *supervisor.Ctx, response jsontext.Value) error {
	names, err := hub.ParseAttachList(response)
	if err != nil {
		c.log.Warn().Err(err).Msg("attach list of the hub cannot be read, nothing attached")
		return nil
	}
	wanted := make(map[string]bool, len(names))
	for _, name := range names {
		wanted[name] = true
	}
	for _, f := range c.dev.cfg.Extensions {
		if !wanted[f.Name] {
			c.stop(ctx, f.Name)
		}
	}
	return c.attach(ctx, names)
}

func (c *extensionsChannel) event(ctx *supervisor.Ctx, msg protocol.Message) error {
	switch msg.Event {
	case hub.EventAttach:
		return c.attach(ctx, c.named(msg.Payload))
	case hub.EventDetach:
		return c.detach(ctx, c.named(msg.Payload))
	}
	name, event, ok := hub.SplitExtensionEvent(msg.Event)
	if !ok || !c.attached[name] {
		c.dev.board.count(func(n *Counters) { n.Unknown++ })
		c.log.Debug().Str("event", msg.Event).Msg("message to no attached extension ignored")
		return nil
	}
	_ = c.dev.extension(name).
		Send(extensionMessage{event: event, payload: msg.Payload})
		// being restarted: lost, the hub asks again
	return nil
}

func (c *extensionsChannel) effect(ctx *supervisor.Ctx, e protocol.ChannelEffect) error {
	switch e.Kind {
	case protocol.DoReply:
		if !e.OK && hub.IsDetach(e.Msg.Payload) {
			c.stop(ctx, c.dev.cfg.Extensions[e.Tag-1].Name)
		}
	case protocol.DoErrored, protocol.DoLeft:
		for name := range c.attached {
			_ = c.dev.extension(name).Send(extensionDetached{})
		}
		c.dev.board.attached(nil)
	case protocol.DoRefused:
		c.log.Info().Err(e.Cause).Msg("the hub refused the extensions channel")
	case protocol.DoPushed,
		protocol.DoPushTimeout,
		protocol.DoNotJoined: // extensions are told nothing and ask for nothing
	}
	return nil
}

// named reads whom an attach or detach means; "all" means every extension of the device.
func (c *extensionsChannel) named(payload jsontext.Value) []string {
	names, all, err := hub.ParseExtensionNames(payload)
	if err != nil {
		c.log.Debug().Err(err).Msg("attach or detach cannot be read, ignored")
		return nil
	}
	if !all {
		return names
	}
	names = names[:0]
	for _, f := range c.dev.cfg.Extensions {
		names = append(names, f.Name)
	}
	return names
}

func (c *extensionsChannel) extensionPush(ctx *supervisor.Ctx, m extensionPush) error {
	if !c.attached[m.name] {
		return nil
	}
	return c.say(ctx, m.name, m.event, m.payload)
}

// say pushes `<name>:<event>`. The hub replies only to refuse the extension; the tag says which one
// that was.
func (c *extensionsChannel) say(
	ctx *supervisor.Ctx,
	name, event string,
	payload jsontext.Value,
) error {
	p := push{event: name + ":" + event, payload: payload}
	for i, f := range c.dev.cfg.Extensions {
		if f.Name == name {
			p.seq, p.reply = uint64(i)+1, true
		}
	}
	return c.push(ctx, p)
}
