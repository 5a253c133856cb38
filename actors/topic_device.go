package actors

import (
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/hub"
	"github.com/hublink-go/hublink/supervisor"
)

// deviceChannel is the device's channel to the hub: it joins with what the updater knows of the
// firmware, hands offers and operator's wishes to those who act on them, and pushes reports.
type deviceChannel struct {
	channel
	reports   []reported // pushed, not known to have arrived
	last      uint64     // the newest report that was pushed since the join
	validated bool       // what the join has said of the running firmware
	offered   *extensionsOffered
	offer     *offered // given to updater, which has not said anything since
	passed    int      // how often it was given
}

// maxPassed is how often an updater is given one offer: whoever crashes over it twice will do so a
// third time, and in the end take the device down.
const maxPassed = 2

// reported is an update report on its way.
type reported struct {
	tag uint64 // of the transmission
	seq uint64
	ref string // empty until it has gone out
}

// Messages to channel/device.
type (
	// joinParams: from updater, the answer to askParams and its greeting after a restart. Lost: see
	// askParams.
	joinParams struct{ join hub.JoinParams }
	// askChannel: from updater when it starts; answered with channelUp when the channel has joined.
	// Lost: see channelUp.
	askChannel struct{}
	// askOffered: from channel/extensions when it starts or hears of a socket; answered with
	// extensionsOffered, or with extensionsPending when the hub has not said anything. Lost: the hub
	// says it again at the next join.
	askOffered struct{}
)

func (d *Device) newDeviceChannel(supervisor.Heir) supervisor.Behavior {
	c := &deviceChannel{}
	c.channel = channel{
		dev:   d,
		topic: topicDevice,
		core:  d.newChannelCore(topicDevice),
		hooks: c,
		log:   d.log("channel/device"),
	}
	return c
}

// Init asks for the state of the socket.
func (c *deviceChannel) Init(*supervisor.Ctx) error {
	c.ask()
	return nil
}

// Receive handles one message; see the table in the package documentation.
func (c *deviceChannel) Receive(ctx *supervisor.Ctx, msg any) error {
	switch m := msg.(type) {
	case sent:
		c.written(m)
	case push:
		if m.seq > 0 && m.seq <= c.last {
			return nil // by an updater that could not know that it was pushed before its crash
		}
		if m.seq > 0 {
			c.offer = nil // its journal knows of it
		}
	}
	if done, err := c.receive(ctx, msg); done {
		return err
	}
	switch m := msg.(type) {
	case joinParams:
		return c.joinParams(ctx, m)
	case askChannel:
		if c.core.State() == protocol.Joined {
			c.tellUp()
			return c.passOffer(ctx)
		}
		return nil
	case confirmed:
		c.confirmed(m)
		return nil
	case askOffered:
		c.tellOffered()
		return nil
	default:
		return ctx.Unexpected(msg)
	}
}

// Terminate has nothing to undo: the hub notices a channel that is joined anew.
func (c *deviceChannel) Terminate(*supervisor.Ctx, error) {}

func (c *deviceChannel) linked(_ *supervisor.Ctx, up bool) (protocol.ChannelInput, bool) {
	if up {
		return protocol.ChannelInput{Kind: protocol.ChannelUp, Gen: c.gen}, true
	}
	return protocol.ChannelInput{Kind: protocol.ChannelDown}, true
}

// params asks the updater, which alone knows the running firmware and what is being downloaded. An
// updater that is being restarted sends them unasked when it is back.
func (c *deviceChannel) params(*supervisor.Ctx) error {
	_ = c.dev.updater.Send(askParams{})
	return nil
}

func (c *deviceChannel) joinParams(ctx *supervisor.Ctx, m joinParams) error {
	payload, err := m.join.Payload()
	if err != nil {
		return err
	}
	given := len(c.outbox)
	if err := c.joinWith(ctx, payload); err != nil {
		return err
	}
	if len(c.outbox) > given { // else nobody had asked
		c.validated = m.join.Validated != nil && *m.join.Validated
	}
	return nil
}

// tellUp tells updater that pushes reach the hub now, and what the hub has been told already.
func (c *deviceChannel) tellUp() {
	_ = c.dev.updater.Send(channelUp{last: c.last, validated: c.validated}) // being restarted: it asks
}

func (c *deviceChannel) joined(ctx *supervisor.Ctx, response jsontext.Value) error {
	c.reports, c.last, c.offered, c.offer = nil, 0, nil, nil
	c.dev.board.joined()
	c.dev.emit(Event{Kind: EventConnected})
	c.log.Info().Msg("connected")
	_ = c.dev.connection.Send(deviceJoined{})
	c.tellUp()
	_ = c.dev.client.Send(tellConnected{})
	c.dev.tellExtensions(extensionsPending{})
	if hub.HasUpdate(response) { // servers of the time before deployments offer in the join reply
		return c.update(ctx, response)
	}
	return nil
}

func (c *deviceChannel) event(ctx *supervisor.Ctx, msg protocol.Message) error {
	switch msg.Event {
	case hub.EventUpdate:
		return c.update(ctx, msg.Payload)
	case hub.EventReboot:
		_ = c.dev.updater.Send(rebootWanted{reason: "the hub asked for it"})
	case hub.EventIdentify:
		_ = c.dev.client.Send(tellIdentify{})
	case hub.EventExtensionsGet:
		c.extensionsGet(msg.Payload)
	case hub.EventScript:
		return c.script(ctx, msg.Payload)
	default:
		c.dev.board.count(func(n *Counters) { n.Unknown++ })
		c.log.Debug().Str("event", msg.Event).Msg("unknown event ignored")
	}
	return nil
}

// script answers a support script, which no device runs: whoever has asked on the hub would wait
// for half a minute. What is shown to them is the output.
func (c *deviceChannel) script(ctx *supervisor.Ctx, payload jsontext.Value) error {
	s, err := hub.ParseScript(payload)
	if err != nil {
		c.dev.board.count(func(n *Counters) { n.BadFrames++ })
		return nil //nolint:nilerr // without a ref there is nobody to answer
	}
	const refusal = "this device does not run support scripts"
	p := hub.ScriptResult{Ref: s.Ref, Failed: true, Output: refusal, Reason: refusal}.Push()
	return c.push(ctx, push{event: p.Event, payload: p.Payload})
}

func (c *deviceChannel) update(ctx *supervisor.Ctx, payload jsontext.Value) error {
	u, err := hub.ParseUpdate(payload)
	switch {
	case errors.Is(err, hub.ErrNoUpdate):
		return nil
	case err != nil: // the hub is told, or it would wait for half an hour
		c.dev.board.count(func(n *Counters) { n.BadFrames++ })
	}
	c.offer, c.passed = &offered{offer: offerOf(u, err)}, 0
	return c.passOffer(ctx)
}

// passOffer gives the updater what the hub has offered; again after a crash that may have lost it,
// or was because of it.
func (c *deviceChannel) passOffer(ctx *supervisor.Ctx) error {
	switch {
	case c.offer == nil:
	case c.passed < maxPassed:
		c.passed++
		_ = c.dev.updater.Send(*c.offer) // being restarted: it asks
	default:
		return c.dropOffer(ctx)
	}
	return nil
}

// dropOffer refuses an offer that nobody survives.
func (c *deviceChannel) dropOffer(ctx *supervisor.Ctx) error {
	uuid, reason := c.offer.offer.UUID,
		"the agent crashed over this offer and has dropped it: see the crashes in its log"
	c.offer = nil
	c.log.Error().
		Str("update", uuid).
		Msg("the updater crashes over an offer of the hub, dropped; report the crashes")
	c.dev.emit(Event{Kind: EventUpdateFailed, UUID: uuid, Detail: reason})
	for _, p := range [...]hub.Push{hub.Received(), hub.Failed(reason)} {
		if err := c.push(ctx, push{event: p.Event, payload: p.Payload}); err != nil {
			return err
		}
	}
	return nil
}

// tellOffered tells channel/extensions what the hub has said on this join.
func (c *deviceChannel) tellOffered() {
	switch {
	case c.core.State() != protocol.Joined: // it tells when it has joined
	case c.offered != nil:
		c.dev.tellExtensions(*c.offered)
	default:
		c.dev.tellExtensions(extensionsPending{})
	}
}

func (c *deviceChannel) extensionsGet(payload jsontext.Value) {
	advertised, err := hub.ParseExtensionsGet(payload)
	if err != nil {
		c.log.Debug().Err(err).Msg("extensions:get without a readable list: offering everything")
	}
	c.offered = &extensionsOffered{advertised: c.dev.ours(advertised)}
	c.dev.tellExtensions(*c.offered)
}

// ours is what the device has of what a hub advertises: the rest is of use to nobody, and would be
// kept. Nil stays nil.
func (d *Device) ours(advertised map[string][]string) map[string][]string {
	if advertised == nil {
		return nil
	}
	own := make(map[string][]string, len(d.cfg.Extensions))
	for _, f := range d.cfg.Extensions {
		if versions, ok := advertised[f.Name]; ok {
			own[f.Name] = versions
		}
	}
	return own
}

func (c *deviceChannel) effect(_ *supervisor.Ctx, e protocol.ChannelEffect) error {
	switch e.Kind {
	case protocol.DoPushed:
		if e.Tag > 0 {
			c.reports = append(c.reports, reported{tag: c.outbox[len(c.outbox)-1].tag, seq: e.Tag})
			c.last = e.Tag
		}
	case protocol.DoRefused:
		c.dev.board.fail(e.Cause.Error())
		c.log.Warn().
			Err(e.Cause).
			Msg("the hub refused the join; check the device and its product on the hub; joining again")
	case protocol.DoErrored:
		c.log.Info().Err(e.Cause).Msg("channel lost, joining again")
		_ = c.dev.updater.Send(channelDown{})
		_ = c.dev.client.Send(tellDisconnected{})
	case protocol.DoReply,
		protocol.DoPushTimeout,
		protocol.DoNotJoined,
		protocol.DoLeft: // nothing here waits for a reply
	}
	return nil
}

// written notes under which ref a report went out and tells the updater.
func (c *deviceChannel) written(m sent) {
	for i := range c.reports {
		if r := &c.reports[i]; r.tag == m.tag && r.ref == "" {
			r.ref = m.ref
			_ = c.dev.updater.Send(reportWritten{seq: r.seq}) // lost: a reboot waits a little longer
		}
	}
}

// confirmed tells the updater which of its reports have arrived: those that went out before the
// confirmed heartbeat.
func (c *deviceChannel) confirmed(m confirmed) {
	var seq uint64
	rest := c.reports[:0]
	for _, r := range c.reports {
		if r.ref != "" && protocol.RefBefore(r.ref, m.ref) {
			seq = max(seq, r.seq)
			continue
		}
		rest = append(rest, r)
	}
	c.reports = rest
	if seq > 0 {
		_ = c.dev.updater.Send(reportConfirmed{seq: seq}) // lost: said again after the next join
	}
}
