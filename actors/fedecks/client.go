package fedecks

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/lifecycle"
	"github.com/hublink-go/hublink/protocol/etf"
	"github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/supervisor"
)

// Errors of a client. [Client.Send] returns those of package protocol/fedecks too.
var (
	// ErrEventsLost is the Reason of an EventDropped: a callback took too long, so that events before
	// this one were dropped.
	ErrEventsLost = errors.New("events were dropped because a callback took too long")
	// ErrNotRunning: the client was not started, or it has ended.
	ErrNotRunning   = lifecycle.ErrNotRunning
	ErrNotConnected = fedecks.ErrNotConnected
	ErrQueueFull    = fedecks.ErrQueueFull
)

// Client is the link of one device to its server. All methods may be called from any goroutine.
type Client struct {
	cfg    Config
	url    *url.URL
	status atomic.Uint32
	log    zerolog.Logger
	tree   lifecycle.Tree
	events journal
}

// New checks cfg and returns a client that is not started.
func New(cfg Config) (*Client, error) {
	cfg, u, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, url: u, log: cfg.Logger.With().Str("device", cfg.DeviceID).Logger()}
	if cfg.OnEvent != nil {
		c.Subscribe(cfg.OnEvent)
	}
	return c, nil
}

// Start starts the client and returns when its actors run. A client with a stored token connects by
// itself, another one waits for Login. A failed start leaves nothing running and can be
// repeated. A Client that was started cannot be started again.
func (c *Client) Start(ctx context.Context) error {
	own := supervisor.Options{Name: c.cfg.Name, Logger: c.cfg.Logger}
	o := lifecycle.Options{Name: c.cfg.Name, System: c.cfg.System, Own: own}
	return c.tree.Start(ctx, o, c.grow)
}

func (c *Client) grow(ctx context.Context, s *supervisor.System) (*supervisor.Supervisor, error) {
	return s.Start(ctx, c.spec())
}

// Run starts the client and blocks until it ends or ctx does. Then it stops the client and returns
// what Wait returns.
func (c *Client) Run(ctx context.Context) error { return lifecycle.Run(ctx, c) }

// Done returns a channel that is closed when the client has ended. It may be called before
// Start.
func (c *Client) Done() <-chan struct{} { return c.tree.Done() }

// Wait blocks until the client has ended: nil after Stop, otherwise the reason for which its
// supervisor gave up. It returns ErrNotRunning when the client was not started.
func (c *Client) Wait() error { return c.tree.Wait() }

// Stop closes the connection and ends the client. It is idempotent and bounded by ctx: an actor
// that does not stop in its time is abandoned and named in the error.
func (c *Client) Stop(ctx context.Context) error {
	err := c.tree.Stop(ctx, c.farewell)
	if c.tree.Root() != nil {
		c.status.Store(uint32(Stopped))
	}
	return err
}

// farewellWithin bounds the farewell of a client. The number is ours.
const farewellWithin = 2 * time.Second

// farewell makes the connector hang up and waits until the callbacks were told of the messages that
// are lost with it. A stop of the actors alone would overtake both. It goes on without an answer
// when the connector is being restarted, or a callback blocks.
func (c *Client) farewell(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, farewellWithin)
	defer cancel()
	_, _ = supervisor.Call[done](ctx, c.ref(nameConnector), quit{})
	_, _ = supervisor.Call[done](ctx, c.ref(nameEvents), quit{})
}

// Status returns the state of the client.
func (c *Client) Status() Status { return Status(c.status.Load()) }

// Subscribe calls f for every event from now on, until cancel is called. Config.OnEvent says what f
// may do.
func (c *Client) Subscribe(f func(Event)) (cancel func()) { return c.events.subscribe(f) }

// Login connects with credentials now: a map or struct as etf.Marshal takes it, or an etf.Map. The
// outcome comes as events. A stored token is kept until the server has sent another one, and a live
// connection until the new one is up. Login returns an error when the credentials cannot be sent,
// for example because they are too large.
func (c *Client) Login(credentials any) error {
	t, ok := credentials.(etf.Term)
	if !ok {
		var err error
		if t, err = etf.From(credentials); err != nil {
			return fmt.Errorf("log in: %w", err)
		}
	}
	m, ok := t.(etf.Map)
	if !ok {
		return errors.New("log in: credentials must be a map or a struct")
	}
	if _, err := fedecks.LoginHeader(c.cfg.DeviceID, m); err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	return c.tell("log in", login{credentials: m})
}

// Reconnect makes the next planned attempt at once. It does nothing when the client is connected or
// has no token.
func (c *Client) Reconnect() error { return c.tell("reconnect", reconnect{}) }

func (c *Client) tell(what string, msg any) error {
	if !c.tree.Alive() {
		return fmt.Errorf("%s: %w", what, ErrNotRunning)
	}
	if err := c.ref(nameConnector).Send(msg); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (c *Client) ref(name string) supervisor.Ref { return c.tree.Ref(name) }

// Send sends v: a term, or a Go value as etf.Marshal takes it. It returns when the message was
// written to the connection or entered the queue; neither means that it arrives. It returns
// ErrNotConnected, ErrQueueFull, fedecks.ErrReserved, an error of the connection, or that of ctx.
func (c *Client) Send(ctx context.Context, v any) error {
	data, err := fedecks.Encode(v)
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return c.send(ctx, data)
}

// SendRaw sends data as it is. Data that happens to be a term arrives as one. It returns the errors
// of Send.
func (c *Client) SendRaw(ctx context.Context, data []byte) error {
	if err := fedecks.CheckRaw(data); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return c.send(ctx, slices.Clone(data))
}

func (c *Client) send(ctx context.Context, data []byte) error {
	if !c.tree.Alive() {
		return fmt.Errorf("send: %w", ErrNotRunning)
	}
	r, err := supervisor.Call[sent](ctx, c.ref(nameConnector), send{data: data})
	if err == nil {
		err = r.err
	}
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}
