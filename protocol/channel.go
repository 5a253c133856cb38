package protocol

import (
	"math/rand/v2"
	"time"
)

// ChannelConfig describes a channel; zero times mean the defaults.
type ChannelConfig struct {
	Topic       string
	JoinTimeout time.Duration // for the answer to a join, a leave, or DoParams; zero: 10 s
	PushTimeout time.Duration // for the reply to a push that asked for one; zero: 10 s
	// UnmatchedIsFinal stops joining on a socket whose hub answers "unmatched topic".
	UnmatchedIsFinal bool
}

// ChannelState is the state of a channel on its hub.
type ChannelState uint8

// The states of a channel.
const (
	Closed  ChannelState = iota // no socket, left, or refused for good
	Joining                     // waits for the params, the ref or the reply of the join
	Joined                      // the hub accepted the join
	Errored                     // the hub refused or lost the join; joins again at its deadline
	Leaving                     // waits for the reply of the leave
)

func (s ChannelState) String() string {
	switch s {
	case Closed:
		return "closed"
	case Joining:
		return "joining"
	case Joined:
		return "joined"
	case Errored:
		return "errored"
	case Leaving:
		return "leaving"
	default:
		return "unknown"
	}
}

const (
	// joinsBeforeReconnect is the number of failures in a row after which the channel asks for a new
	// socket.
	joinsBeforeReconnect = 5
	joinHolds            = 10 * time.Second // a join that lasts this long is a success
)

// Channel is the core of one topic. It joins, joins again when the hub refuses or loses the join,
// drops messages of older joins, and matches replies with pushes.
type Channel struct {
	cfg      ChannelConfig
	rng      *rand.Rand
	state    ChannelState
	up       bool   // a socket is up
	out      bool   // left on request: no join until ChannelRejoin
	final    bool   // this hub has no such topic
	gen      uint64 // of the socket
	tag      uint64 // the last transmission
	awaited  uint64 // transmission of the join or leave; 0 while joining: the params are awaited
	joinRef  string
	leaveRef string
	due      time.Time // deadline of the state
	joined   time.Time // when the hub accepted the join
	failures int       // joins in a row that failed or did not hold
	pushes   pushes
}

// NewChannel returns a channel core that joins at ChannelUp. It uses rng for jitter only.
func NewChannel(cfg ChannelConfig, rng *rand.Rand) Channel {
	cfg.JoinTimeout = orDefault(cfg.JoinTimeout, 10*time.Second)
	cfg.PushTimeout = orDefault(cfg.PushTimeout, 10*time.Second)
	return Channel{cfg: cfg, rng: rng}
}

// State returns the channel's state.
func (c *Channel) State() ChannelState { return c.state }

// JoinRef returns the ref of the join that the hub accepted or has to answer, or "".
func (c *Channel) JoinRef() string { return c.joinRef }

// Failures returns how many joins in a row failed or did not last 10 s.
func (c *Channel) Failures() int { return c.failures }

// Deadline returns the latest time for the next call of Step. Zero means that Step waits for an
// input.
func (c *Channel) Deadline() time.Time {
	if d, ok := c.pushes.deadline(); ok && (c.due.IsZero() || d.Before(c.due)) {
		return d
	}
	return c.due
}

// Step applies the input that happened at now and appends its effects to out. It accepts every
// input in every state.
func (c *Channel) Step(now time.Time, in ChannelInput, out []ChannelEffect) []ChannelEffect {
	c.follow(now)
	switch in.Kind {
	case ChannelUp:
		out = c.socketUp(now, in.Gen, out)
	case ChannelDown:
		out = c.socketDown(now, out)
	case ChannelParams:
		out = c.params(now, in.Msg, out)
	case ChannelSent:
		c.sent(in.Tag, in.Ref)
	case ChannelReceived:
		out = c.received(now, in.Msg, out)
	case ChannelPush:
		out = c.push(now, in, out)
	case ChannelLeave:
		out = c.leave(now, out)
	case ChannelRejoin:
		out = c.rejoin(now, out)
	case ChannelTick:
	}
	return c.tick(now, out)
}

// follow moves all deadlines back by as much as the clock was set back.
func (c *Channel) follow(now time.Time) {
	if back := c.pushes.now.Sub(now); back > 0 && !c.pushes.now.IsZero() {
		c.due = earlier(c.due, back)
		c.joined = earlier(c.joined, back)
		c.pushes.moveBack(back)
	}
	c.pushes.now = now
}

func (c *Channel) tick(now time.Time, out []ChannelEffect) []ChannelEffect {
	out = c.pushes.expire(now, out)
	if c.due.IsZero() || now.Before(c.due) {
		return out
	}
	switch c.state {
	case Joining:
		if c.awaited == 0 { // DoParams was lost: ask again
			return c.join(now, out)
		}
		return c.failed(now, ErrJoinTimeout, nil, out)
	case Errored:
		return c.join(now, out)
	case Leaving:
		return c.left(out)
	default:
		return out
	}
}

func (c *Channel) socketUp(now time.Time, gen uint64, out []ChannelEffect) []ChannelEffect {
	if c.up && gen == c.gen {
		return out
	}
	if c.up {
		out = c.socketDown(now, out)
	}
	c.up, c.gen, c.final = true, gen, false
	if c.out {
		return out
	}
	return c.join(now, out)
}

func (c *Channel) socketDown(now time.Time, out []ChannelEffect) []ChannelEffect {
	if !c.up {
		return out
	}
	c.up = false
	switch c.state {
	case Leaving:
		return c.left(out)
	case Joined:
		c.judge(now)
		out = append(out, ChannelEffect{Kind: DoErrored, Cause: ErrClosed})
	default:
	}
	return c.enter(Closed, time.Time{}, out)
}

// enter changes the state and ends the current join, with the pushes that wait for a reply on it.
func (c *Channel) enter(state ChannelState, due time.Time, out []ChannelEffect) []ChannelEffect {
	c.state, c.due = state, due
	c.awaited, c.joinRef, c.leaveRef = 0, "", ""
	return c.pushes.flush(out)
}

// join asks for the params, which the owner builds for every join.
func (c *Channel) join(now time.Time, out []ChannelEffect) []ChannelEffect {
	out = c.enter(Joining, now.Add(c.cfg.JoinTimeout), out)
	return append(out, ChannelEffect{Kind: DoParams})
}

func (c *Channel) params(now time.Time, m Message, out []ChannelEffect) []ChannelEffect {
	if c.state != Joining || c.awaited != 0 {
		return out
	}
	c.due = now.Add(c.cfg.JoinTimeout)
	c.awaited, out = c.transmit(Message{Event: EventJoin, Payload: m.Payload}, out)
	return out
}

// transmit gives m the next tag and appends its DoTransmit.
func (c *Channel) transmit(m Message, out []ChannelEffect) (uint64, []ChannelEffect) {
	c.tag++
	m.Topic, m.JoinRef = c.cfg.Topic, c.joinRef
	return c.tag, append(out, ChannelEffect{Kind: DoTransmit, Msg: m, Tag: c.tag})
}

func (c *Channel) sent(tag uint64, ref string) {
	switch {
	case tag == 0:
	case tag != c.awaited:
		c.pushes.sent(tag, ref)
	case c.state == Joining:
		c.joinRef = ref
	case c.state == Leaving:
		c.leaveRef = ref
	}
}

func (c *Channel) push(now time.Time, in ChannelInput, out []ChannelEffect) []ChannelEffect {
	if c.state != Joined {
		return append(out, ChannelEffect{Kind: DoNotJoined, Tag: in.Tag})
	}
	tag, out := c.transmit(
		Message{Event: in.Msg.Event, Payload: in.Msg.Payload, Binary: in.Msg.Binary},
		out,
	)
	out = append(out, ChannelEffect{Kind: DoPushed, Tag: in.Tag})
	if in.Reply {
		out = c.pushes.add(pendingPush{sent: tag, tag: in.Tag, due: now.Add(c.cfg.PushTimeout)}, out)
	}
	return out
}

func (c *Channel) leave(now time.Time, out []ChannelEffect) []ChannelEffect {
	if c.out {
		return out
	}
	c.out = true
	if c.state != Joined && (c.state != Joining || c.awaited == 0) {
		return c.left(out)
	}
	ref := c.joinRef
	out = c.enter(Leaving, now.Add(c.cfg.JoinTimeout), out)
	c.joinRef = ref
	c.awaited, out = c.transmit(Message{Event: EventLeave}, out)
	return out
}

func (c *Channel) left(out []ChannelEffect) []ChannelEffect {
	out = c.enter(Closed, time.Time{}, out)
	return append(out, ChannelEffect{Kind: DoLeft})
}

func (c *Channel) rejoin(now time.Time, out []ChannelEffect) []ChannelEffect {
	c.out = false
	if !c.up || c.final || c.state == Joining && c.awaited == 0 {
		return out
	}
	return c.join(now, out)
}

// failed counts a join that the hub refused or lost, and plans the next one.
func (c *Channel) failed(
	now time.Time,
	cause error,
	response []byte,
	out []ChannelEffect,
) []ChannelEffect {
	kind := DoRefused
	if c.state == Joined {
		kind = DoErrored
		c.judge(now)
	}
	c.failures++
	out = append(
		out,
		ChannelEffect{Kind: kind, Msg: Message{Topic: c.cfg.Topic, Payload: response}, Cause: cause},
	)
	if c.final {
		return c.enter(Closed, time.Time{}, out)
	}
	out = c.enter(Errored, now.Add(rejoinDelay(c.rng, c.failures)), out)
	if c.failures%joinsBeforeReconnect == 0 {
		out = append(out, ChannelEffect{Kind: DoReconnect})
	}
	return out
}

// judge resets the failures when the join that ends now lasted long enough.
func (c *Channel) judge(now time.Time) {
	if now.Sub(c.joined) >= joinHolds {
		c.failures = 0
	}
}
