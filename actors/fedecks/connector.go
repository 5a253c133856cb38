package fedecks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/hublink-go/hublink/actors/internal/drive"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/etf"
	"github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/supervisor"
)

// Messages to connector. Those of its goroutines carry the incarnation and the generation of the
// connection that they belong to.
type (
	login     struct{ credentials etf.Map } // from Client.Login
	send      struct{ data []byte }         // from Client.Send, a Call; answered with sent
	reconnect struct{}                      // from Client.Reconnect

	opened struct {
		of
		conn transport.Conn
	}
	dialFailed struct {
		of
		err error
	}
	inward struct {
		of
		link *link
		data []byte
	}
	ponged struct { // a pong with the id of the device
		of
		link *link
	}
	lost struct {
		of
		err error
	}
)

// String keeps credentials out of logs.
func (login) String() string { return "login" }

// LogValue keeps credentials out of logs.
func (login) LogValue() slog.Value { return slog.StringValue("login") }

// of identifies a connection: the incarnation of the connector, and the generation.
type of struct{ incarnation, gen uint64 }

// sent answers send.
type sent struct{ err error }

// Limits of a connection. The numbers are ours.
const (
	inbox = 4                // messages that may wait for the connector; then the reader waits
	grace = 30 * time.Second // how late a connector may be: longer than a write can block
)

// connector is the actor that owns the connections of a client: one that is up, and a second one
// while a login replaces the first.
type connector struct {
	client  *Client
	core    fedecks.Client
	self    of // without a generation
	links   map[uint64]*link
	cancels map[uint64]context.CancelFunc // of dials
	waiting map[uint64]supervisor.Caller  // senders, by tag
	tag     uint64
	timer   drive.Timer
	held    time.Time // the deadline that the handle knows
}

// link is one connection and the room for the messages that its reader may hand over.
type link struct {
	conn   transport.Conn
	space  chan struct{} // one token for each message that was not handled
	ponged atomic.Bool   // a pong is in the mailbox, so further ones are dropped
}

func newConnector(c *Client) *connector {
	seed := c.cfg.Seed
	if seed == 0 {
		seed = rand.Uint64() //nolint:gosec // jitter, not a secret
	}
	return &connector{
		client: c,
		core:   fedecks.NewClient(c.cfg.core(), rand.New(rand.NewPCG(seed, 0))), //nolint:gosec // jitter
		links:  map[uint64]*link{}, cancels: map[uint64]context.CancelFunc{},
		waiting: map[uint64]supervisor.Caller{},
	}
}

// Init asks for the token and starts the core. The Call of the store cannot deadlock: the store is
// up and calls no other actor.
func (c *connector) Init(ctx *supervisor.Ctx) error {
	c.self = of{incarnation: ctx.Incarnation()}
	_ = c.client.ref(nameHandle).Send(hold{}) // a hold of the previous connector does not count
	stored, err := supervisor.Call[tokenIs](ctx.Context(), c.client.ref(nameStore), askToken{})
	if err != nil {
		return err
	}
	return c.step(ctx, fedecks.ClientInput{Kind: fedecks.ClientStart, Token: stored.token})
}

// Receive handles one message; see the table in the package documentation.
func (c *connector) Receive(ctx *supervisor.Ctx, msg any) error {
	switch m := msg.(type) {
	case drive.Tick:
		return c.step(ctx, fedecks.ClientInput{})
	case login:
		return c.step(ctx, fedecks.ClientInput{Kind: fedecks.ClientLogin, Credentials: m.credentials})
	case send:
		c.tag++
		c.waiting[c.tag] = ctx.Caller()
		return c.step(ctx, fedecks.ClientInput{Kind: fedecks.ClientSend, Data: m.data, Tag: c.tag})
	case reconnect:
		return c.step(ctx, fedecks.ClientInput{Kind: fedecks.ClientReconnect})
	case quit:
		err := c.step(ctx, fedecks.ClientInput{Kind: fedecks.ClientStop})
		ctx.Reply(done{})
		return err
	case opened:
		return c.opened(ctx, m)
	case dialFailed:
		return c.dialFailed(ctx, m)
	case inward:
		return c.received(ctx, m)
	case ponged:
		m.link.ponged.Store(false)
		return c.ours(ctx, m.of, fedecks.ClientInput{
			Kind: fedecks.ClientPong,
			Data: []byte(c.client.cfg.DeviceID),
		})
	case lost:
		return c.lost(ctx, m)
	default:
		return ctx.Unexpected(msg)
	}
}

// Terminate closes the connections, with a close frame when the client stops, and emits an event
// for each message that is lost.
func (c *connector) Terminate(_ *supervisor.Ctx, reason error) {
	for _, e := range c.core.Step(time.Now(), fedecks.ClientInput{Kind: fedecks.ClientStop}, nil) {
		if e.Kind == fedecks.DoRefuse {
			c.client.emit(Event{Kind: EventDropped, Reason: e.Cause})
		}
	}
	c.client.status.Store(uint32(Idle))
	for _, l := range c.links {
		if errors.Is(reason, supervisor.ErrShutdown) {
			_ = l.conn.Close(protocol.CloseNormal, "")
		}
		_ = l.conn.Abort()
	}
}

// ours feeds the core with in, which happened to connection o. It ignores connections of an earlier
// incarnation.
func (c *connector) ours(ctx *supervisor.Ctx, o of, in fedecks.ClientInput) error {
	if o.incarnation != c.self.incarnation {
		return nil
	}
	in.Gen = o.gen
	return c.step(ctx, in)
}

func (c *connector) opened(ctx *supervisor.Ctx, m opened) error {
	if m.incarnation != c.self.incarnation {
		return m.conn.Abort()
	}
	delete(c.cancels, m.gen)
	l := &link{conn: m.conn, space: make(chan struct{}, inbox)}
	c.links[m.gen] = l
	c.read(ctx, m.of, l)
	return c.step(ctx, fedecks.ClientInput{Kind: fedecks.ClientOpened, Gen: m.gen})
}

func (c *connector) dialFailed(ctx *supervisor.Ctx, m dialFailed) error {
	if m.incarnation == c.self.incarnation {
		delete(c.cancels, m.gen)
	}
	in := fedecks.ClientInput{Kind: fedecks.ClientDialFailed, Cause: m.err}
	var refused *transport.RefusedError
	if errors.As(m.err, &refused) {
		in.Status, in.After = refused.Status, refused.RetryAfter()
	}
	return c.ours(ctx, m.of, in)
}

func (c *connector) received(ctx *supervisor.Ctx, m inward) error {
	<-m.link.space
	return c.ours(ctx, m.of, fedecks.ClientInput{Kind: fedecks.ClientReceived, Data: m.data})
}

func (c *connector) lost(ctx *supervisor.Ctx, m lost) error {
	if m.incarnation == c.self.incarnation {
		if l := c.links[m.gen]; l != nil {
			_ = l.conn.Abort()
			delete(c.links, m.gen)
		}
	}
	return c.ours(ctx, m.of, fedecks.ClientInput{Kind: fedecks.ClientLost, Cause: m.err})
}

// step feeds the core and carries out its effects.
func (c *connector) step(ctx *supervisor.Ctx, in fedecks.ClientInput) error {
	effects := c.core.Step(time.Now(), in, nil)
	c.client.status.Store(uint32(c.core.Status()))
	for _, e := range effects {
		ctx.Checkpoint("effect")
		if err := c.apply(ctx, e); err != nil {
			return err
		}
	}
	c.arm(ctx)
	return nil
}

func (c *connector) apply(ctx *supervisor.Ctx, e fedecks.ClientEffect) error {
	switch e.Kind {
	case fedecks.DoDial:
		c.dial(ctx, e)
	case fedecks.DoAbandon:
		if cancel := c.cancels[e.Gen]; cancel != nil {
			cancel()
			delete(c.cancels, e.Gen)
		}
	case fedecks.DoWrite:
		c.write(e)
	case fedecks.DoPing:
		c.ping(e)
	case fedecks.DoHangup:
		c.hangup(ctx, e)
	case fedecks.DoStore:
		// not lost alone: a store that restarts restarts this connector too
		_ = c.client.ref(nameStore).Send(saveToken{token: e.Token})
	case fedecks.DoEvent:
		c.announce(e.Event)
	case fedecks.DoRefuse:
		c.answer(e.Tag, e.Cause)
	case fedecks.DoQueued:
		c.answer(e.Tag, nil)
	default:
		return fmt.Errorf("fedecks connector: unknown effect %d", e.Kind)
	}
	return nil
}

// arm keeps the timer at the deadline of the core, and tells the handle to let go some time after
// that. A handle that restarts restarts this connector too, so the message is not lost alone.
func (c *connector) arm(ctx *supervisor.Ctx) {
	d := c.core.Deadline()
	c.timer.Arm(ctx, d)
	if d.Equal(c.held) {
		return
	}
	c.held = d
	until := time.Time{}
	if !d.IsZero() {
		until = d.Add(grace)
	}
	_ = c.client.ref(nameHandle).Send(hold{until: until})
}
