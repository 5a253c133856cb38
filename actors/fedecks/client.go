package fedecks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/protocol/etf"
	"github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/supervisor"
)

// Errors of a client; those of Send are in package protocol/fedecks too.
var (
	ErrEventsLost = errors.New(
		"events were dropped because a callback took too long",
	) // the reason of an EventDropped
	ErrNotRunning   = errors.New("client is not running")
	ErrNotConnected = fedecks.ErrNotConnected
	ErrQueueFull    = fedecks.ErrQueueFull
)

// Client is one device's link to its server. All methods may be called from any goroutine.
type Client struct {
	cfg    Config
	url    *url.URL
	status atomic.Uint32
	log    zerolog.Logger

	mu          sync.Mutex
	sys         *supervisor.System
	own         bool
	root        *supervisor.Supervisor
	subscribers map[uint64]func(Event)
	last        uint64 // key of a subscriber

	telling sync.Mutex
	told    uint64 // number of the last event
	heard   uint64 // and of the last one that the subscribers were told
}

// New checks the configuration; it starts nothing.
func New(cfg Config) (*Client, error) {
	cfg, u, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Client{
		cfg:         cfg,
		url:         u,
		log:         cfg.Logger.With().Str("device", cfg.DeviceID).Logger(),
		sys:         cfg.System,
		subscribers: map[uint64]func(Event){},
	}
	if cfg.OnEvent != nil {
		c.Subscribe(cfg.OnEvent)
	}
	return c, nil
}

// Start starts the client. With a stored token it connects by itself, otherwise it waits for Login.
func (c *Client) Start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.root != nil {
		return fmt.Errorf("start %s: it has been started before; make a new Client", c.cfg.Name)
	}
	if c.sys == nil {
		sys, err := supervisor.NewSystem(supervisor.Options{Name: c.cfg.Name, Logger: c.cfg.Logger})
		if err != nil {
			return fmt.Errorf("start %s: %w", c.cfg.Name, err)
		}
		c.sys, c.own = sys, true
	}
	root, err := c.sys.Start(ctx, c.spec())
	if err != nil {
		err = fmt.Errorf("start %s: %w", c.cfg.Name, err)
		if c.own {
			_, sysErr := c.sys.Shutdown(ctx)
			c.sys, c.own = nil, false
			err = errors.Join(err, sysErr)
		}
		return err
	}
	c.root = root
	return nil
}

// Wait blocks until the client has ended: nil after Stop, otherwise why its supervisor gave up.
func (c *Client) Wait() error {
	root := c.running()
	if root == nil {
		return ErrNotRunning
	}
	return root.Wait()
}

// Stop closes the connection and ends the client. It is idempotent and bounded: what does not stop
// in its time is abandoned and named in the error.
func (c *Client) Stop(ctx context.Context) error {
	root := c.running()
	if root == nil {
		return nil
	}
	c.farewell(ctx)
	report, err := root.Stop(ctx)
	err = errors.Join(err, report.Err())
	c.status.Store(uint32(Stopped))
	if c.own {
		report, sysErr := c.sys.Shutdown(ctx)
		err = errors.Join(err, report.Err(), sysErr)
	}
	return err
}

// farewellWithin bounds what is said at the end.
const farewellWithin = 2 * time.Second

// farewell lets the connector hang up and the callbacks hear what is lost with it, which a stop
// would overtake.
func (c *Client) farewell(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, farewellWithin)
	defer cancel()
	_, _ = supervisor.Call[done](
		ctx,
		c.ref(nameConnector),
		quit{},
	) // a connector that is being restarted has nothing to lose
	_, _ = supervisor.Call[done](
		ctx,
		c.ref(nameEvents),
		quit{},
	) // nobody waits longer for a callback that blocks
}

func (c *Client) running() *supervisor.Supervisor {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.root
}

// Status is where the client stands.
func (c *Client) Status() Status { return Status(c.status.Load()) }

// Subscribe makes f be told every event from now on, until cancel is called. See Config.OnEvent.
func (c *Client) Subscribe(f func(Event)) (cancel func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	key := c.last
	c.subscribers[key] = f
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.subscribers, key)
	}
}

func (c *Client) listeners() []func(Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]func(Event), 0, len(c.subscribers))
	for _, key := range slices.Sorted(maps.Keys(c.subscribers)) {
		out = append(out, c.subscribers[key])
	}
	return out
}

// Login connects with credentials now: a map or struct as etf.Marshal takes it, or an etf.Map. What
// becomes of it comes as events. A stored token stays until the server has sent another one, and a
// live connection until the new one is up. The error says what is wrong with the credentials
// themselves; a map that is too large is one.
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

// Reconnect makes the attempt that is waited for now. Without a token, or connected, it does
// nothing.
func (c *Client) Reconnect() error { return c.tell("reconnect", reconnect{}) }

func (c *Client) tell(what string, msg any) error {
	if c.running() == nil {
		return fmt.Errorf("%s: %w", what, ErrNotRunning)
	}
	if err := c.ref(nameConnector).Send(msg); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (c *Client) ref(name string) supervisor.Ref { return c.sys.Ref(c.cfg.Name + "/" + name) }

// Send sends a term, or a Go value as etf.Marshal takes it. It returns when the message has been
// written to the connection, or stands in the queue; neither says that it arrives. ErrNotConnected,
// ErrQueueFull, fedecks.ErrReserved, an error of the connection, or ctx's.
func (c *Client) Send(ctx context.Context, v any) error {
	data, err := fedecks.Encode(v)
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return c.send(ctx, data)
}

// SendRaw sends octets as they are. Those that happen to be a term arrive as one. Errors are those
// of Send.
func (c *Client) SendRaw(ctx context.Context, data []byte) error {
	if err := fedecks.CheckRaw(data); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return c.send(ctx, slices.Clone(data))
}

func (c *Client) send(ctx context.Context, data []byte) error {
	if c.running() == nil {
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
