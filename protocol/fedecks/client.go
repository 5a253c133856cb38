package fedecks

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/etf"
)

// Errors of a client.
var (
	ErrNotConnected = errors.New("not connected")
	ErrQueueFull    = errors.New("too many messages wait for a connection")
	ErrStopped      = errors.New("client is stopped")
	ErrNoPong       = errors.New("no pong came in time")
	ErrHandshake    = errors.New("the server did not answer in time")
	ErrTokenRefused = errors.New("the server refuses the token: log in again")
	ErrUndecodable  = errors.New("a message could not be decoded")
)

// statusForbidden is the server's answer to a token or credentials that it refuses.
const statusForbidden = 403

// ClientConfig configures a client. The zero value of a field means the value in its comment.
type ClientConfig struct {
	DeviceID     string
	ConnectDelay time.Duration // longest wait before the first attempt after a start; 10 s
	Backoff      [2]time.Duration
	Ping         time.Duration // between pings; 19 s
	Pong         time.Duration // longest wait for a pong, at most Ping; 10 s
	Handshake    time.Duration // longest time of an attempt; 30 s
	Queue        int           // messages that can wait for a connection; zero refuses them
	Codec        Codec
}

func (c ClientConfig) withDefaults() ClientConfig {
	c.ConnectDelay = cmp.Or(c.ConnectDelay, 10*time.Second)
	c.Backoff[0] = cmp.Or(c.Backoff[0], time.Second)
	c.Backoff[1] = max(c.Backoff[0], cmp.Or(c.Backoff[1], time.Minute))
	c.Ping = cmp.Or(c.Ping, 19*time.Second)
	c.Pong = min(c.Ping, cmp.Or(c.Pong, 10*time.Second))
	c.Handshake = cmp.Or(c.Handshake, 30*time.Second)
	return c
}

// Client is the core of the device's end. It decides when to dial and with which token or
// credentials, sends pings, keeps the token and queues messages. It has at most one connection and
// one attempt. A login during a live connection dials a second one, and the old one ends when the
// new one is up.
type Client struct {
	cfg     ClientConfig
	rng     *rand.Rand
	started bool
	stopped bool
	token   string
	gens    uint64 // the last generation
	up      uint64 // the live connection; 0 means none
	dial    attempt
	retry   time.Time // time of the next attempt; zero means none
	ping    time.Time // time of the next ping
	pong    time.Time // deadline for data from the server; zero means none
	// attempts and connections since the last pong, so that connections that end soon add up
	failures int
	queue    []queued
}

// attempt is the dial in progress; gen 0 means none.
type attempt struct {
	gen   uint64
	login bool
	until time.Time
}

type queued struct {
	data []byte
	tag  uint64
}

// NewClient returns a core that waits for ClientStart. The device id must pass CheckDeviceID. It
// uses rng for jitter only.
func NewClient(cfg ClientConfig, rng *rand.Rand) Client {
	return Client{cfg: cfg.withDefaults(), rng: rng}
}

// Status returns the state of the client.
func (c *Client) Status() Status {
	switch {
	case c.stopped:
		return Stopped
	case !c.started:
		return Idle
	case c.up != 0:
		return Connected
	case c.dial.gen != 0:
		return Connecting
	case !c.retry.IsZero():
		return Scheduled
	}
	return Unregistered
}

// Deadline returns the latest time for the next call of Step. Zero means that Step waits for an
// input.
func (c *Client) Deadline() time.Time {
	d := c.retry
	for _, t := range []time.Time{c.dial.until, c.ping, c.pong} {
		if d.IsZero() || !t.IsZero() && t.Before(d) {
			d = t
		}
	}
	return d
}

// Step applies the input that happened at now and appends its effects to out. It accepts every
// input in every state, and ignores inputs of an ended connection.
func (c *Client) Step(now time.Time, in ClientInput, out []ClientEffect) []ClientEffect {
	if c.stopped {
		return c.afterStop(in, out)
	}
	switch in.Kind {
	case ClientStart:
		out = c.start(now, in, out)
	case ClientLogin:
		out = c.login(now, in, out)
	case ClientOpened:
		out = c.opened(now, in, out)
	case ClientDialFailed:
		out = c.dialFailed(now, in, out)
	case ClientReceived:
		out = c.received(in, out)
	case ClientPong:
		if in.Gen == c.up && string(in.Data) == c.cfg.DeviceID {
			c.pong, c.failures = time.Time{}, 0
		}
	case ClientLost:
		if in.Gen == c.up && c.up != 0 {
			out = c.lost(now, in.Cause, out)
		}
	case ClientSend:
		out = c.send(in, out)
	case ClientReconnect:
		out = c.reconnect(now, out)
	case ClientStop:
		return c.stop(out)
	case ClientTick:
	}
	return c.tick(now, out)
}

func (c *Client) tick(now time.Time, out []ClientEffect) []ClientEffect {
	if due(c.dial.until, now) {
		gen := c.dial.gen
		out = append(out, ClientEffect{Kind: DoAbandon, Gen: gen})
		out = c.dialFailed(now, ClientInput{Gen: gen, Cause: ErrHandshake}, out)
	}
	if due(c.pong, now) {
		out = append(out, ClientEffect{Kind: DoHangup, Gen: c.up, Code: protocol.CloseGoingAway})
		out = c.lost(now, ErrNoPong, out)
	}
	if due(c.ping, now) {
		c.ping = now.Add(c.cfg.Ping)
		c.pong = now.Add(c.cfg.Pong)
		out = append(out, ClientEffect{Kind: DoPing, Gen: c.up, Data: []byte(c.cfg.DeviceID)})
	}
	if due(c.retry, now) {
		c.retry = time.Time{}
		out = c.begin(now, ClientEffect{Token: c.token}, out)
	}
	return out
}

func due(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

func (c *Client) start(now time.Time, in ClientInput, out []ClientEffect) []ClientEffect {
	if c.started { // by a login
		c.token = cmp.Or(c.token, in.Token)
		return out
	}
	c.started = true
	if c.token = in.Token; c.token == "" {
		return c.tell(Event{Kind: EventUnregistered}, out)
	}
	return c.schedule(now.Add(c.upTo(c.cfg.ConnectDelay)), out)
}

// login dials at once. The stored token stays until the server sends another one.
func (c *Client) login(now time.Time, in ClientInput, out []ClientEffect) []ClientEffect {
	if c.dial.gen != 0 {
		out = append(out, ClientEffect{Kind: DoAbandon, Gen: c.dial.gen})
	}
	c.started, c.retry = true, time.Time{}
	credentials := in.Credentials
	if credentials == nil {
		credentials = etf.Map{}
	}
	return c.begin(now, ClientEffect{Credentials: credentials}, out)
}

func (c *Client) begin(now time.Time, e ClientEffect, out []ClientEffect) []ClientEffect {
	c.gens++
	e.Kind, e.Gen = DoDial, c.gens
	c.dial = attempt{gen: c.gens, login: e.Credentials != nil, until: now.Add(c.cfg.Handshake)}
	return append(c.tell(Event{Kind: EventConnecting}, out), e)
}

func (c *Client) opened(now time.Time, in ClientInput, out []ClientEffect) []ClientEffect {
	switch {
	case in.Gen == c.up && c.up != 0: // repeated
		return out
	case in.Gen != c.dial.gen || in.Gen == 0:
		return append(out, ClientEffect{Kind: DoHangup, Gen: in.Gen, Code: protocol.CloseNormal})
	}
	if c.up != 0 {
		out = append(out, ClientEffect{Kind: DoHangup, Gen: c.up, Code: protocol.CloseNormal})
	}
	c.up, c.dial, c.retry = in.Gen, attempt{}, time.Time{}
	c.ping, c.pong = now.Add(c.cfg.Ping), time.Time{}
	request, _ := etf.Encode(tokenRequest) // a constant
	out = append(
		c.tell(Event{Kind: EventConnected}, out),
		ClientEffect{Kind: DoWrite, Gen: c.up, Data: request},
	)
	for _, q := range c.queue {
		out = append(out, ClientEffect{Kind: DoWrite, Gen: c.up, Data: q.data, Tag: q.tag})
	}
	c.queue = nil
	return out
}

func (c *Client) dialFailed(now time.Time, in ClientInput, out []ClientEffect) []ClientEffect {
	if in.Gen != c.dial.gen || in.Gen == 0 {
		return out
	}
	login := c.dial.login
	c.dial = attempt{}
	e := Event{Kind: EventConnectionFailed, Status: in.Status, Reason: in.Cause}
	if in.Status != 0 {
		e.Kind = EventUpgradeFailed
	}
	refused := in.Status == statusForbidden
	if refused && !login {
		e.Reason = ErrTokenRefused
	}
	out = c.tell(e, out)
	if c.up != 0 { // a login during a live connection, which stays
		return out
	}
	if refused && !login {
		// the file stays: the next start tries it again, in case the server was wrong
		c.token = ""
	}
	if c.token == "" {
		return c.tell(Event{Kind: EventUnregistered}, out)
	}
	return c.again(now, in.After, out)
}

func (c *Client) lost(now time.Time, cause error, out []ClientEffect) []ClientEffect {
	c.up, c.ping, c.pong = 0, time.Time{}, time.Time{}
	out = c.tell(Event{Kind: EventConnectionLost, Reason: cause}, out)
	switch {
	case c.dial.gen != 0: // a login is in progress
		return out
	case c.token == "":
		return c.tell(Event{Kind: EventUnregistered}, out)
	}
	return c.again(now, 0, out)
}

// again plans the next attempt after a random wait up to a limit that doubles, and not before
// atLeast (Retry-After).
func (c *Client) again(now time.Time, atLeast time.Duration, out []ClientEffect) []ClientEffect {
	low, limit := c.cfg.Backoff[0], c.cfg.Backoff[0]
	for range min(c.failures, 30) {
		limit = min(2*limit, c.cfg.Backoff[1])
	}
	c.failures++
	limit = min(2*limit, c.cfg.Backoff[1])
	wait := low + c.upTo(limit-low)
	return c.schedule(now.Add(max(wait, min(atLeast, time.Hour))), out)
}

func (c *Client) schedule(at time.Time, out []ClientEffect) []ClientEffect {
	c.retry = at
	return c.tell(Event{Kind: EventConnectionScheduled, At: at}, out)
}

func (c *Client) upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(c.rng.Int64N(int64(d) + 1))
}

func (c *Client) received(in ClientInput, out []ClientEffect) []ClientEffect {
	if in.Gen != c.up || c.up == 0 {
		return out
	}
	c.pong = time.Time{} // any message proves that the server is alive
	t, err := c.cfg.Codec.Decode(in.Data)
	if err != nil {
		return c.tell(Event{Kind: EventDropped, Reason: errors.Join(ErrUndecodable, err)}, out)
	}
	token, isToken := tokenOf(t)
	switch {
	case isToken && token == "":
		return c.tell(
			Event{
				Kind:   EventDropped,
				Reason: errors.Join(ErrUndecodable, errors.New("a token message without a token")),
			},
			out,
		)
	case isToken:
		c.token = token
		return append(out, ClientEffect{Kind: DoStore, Token: token})
	}
	return c.tell(Event{Kind: EventMessage, Term: t}, out)
}

func (c *Client) send(in ClientInput, out []ClientEffect) []ClientEffect {
	switch {
	case c.up != 0:
		return append(out, ClientEffect{Kind: DoWrite, Gen: c.up, Data: in.Data, Tag: in.Tag})
	case c.cfg.Queue == 0:
		return append(out, ClientEffect{Kind: DoRefuse, Tag: in.Tag, Cause: ErrNotConnected})
	case len(c.queue) >= c.cfg.Queue:
		return append(out, ClientEffect{Kind: DoRefuse, Tag: in.Tag, Cause: ErrQueueFull})
	}
	c.queue = append(c.queue, queued{data: in.Data, tag: in.Tag})
	return append(out, ClientEffect{Kind: DoQueued, Tag: in.Tag})
}

// reconnect dials at once when an attempt is planned.
func (c *Client) reconnect(now time.Time, out []ClientEffect) []ClientEffect {
	c.failures = 0
	if !c.retry.IsZero() {
		c.retry = now
	}
	return out
}

func (c *Client) stop(out []ClientEffect) []ClientEffect {
	if c.dial.gen != 0 {
		out = append(out, ClientEffect{Kind: DoAbandon, Gen: c.dial.gen})
	}
	if c.up != 0 {
		out = append(out, ClientEffect{Kind: DoHangup, Gen: c.up, Code: protocol.CloseNormal})
	}
	for _, q := range c.queue {
		out = append(out, ClientEffect{Kind: DoRefuse, Tag: q.tag, Cause: ErrStopped})
	}
	*c = Client{cfg: c.cfg, rng: c.rng, stopped: true}
	return out
}

func (c *Client) afterStop(in ClientInput, out []ClientEffect) []ClientEffect {
	switch in.Kind {
	case ClientOpened:
		return append(out, ClientEffect{Kind: DoHangup, Gen: in.Gen, Code: protocol.CloseNormal})
	case ClientSend:
		return append(out, ClientEffect{Kind: DoRefuse, Tag: in.Tag, Cause: ErrStopped})
	}
	return out
}

func (c *Client) tell(e Event, out []ClientEffect) []ClientEffect {
	return append(out, ClientEffect{Kind: DoEvent, Event: e})
}
