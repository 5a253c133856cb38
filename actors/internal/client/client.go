package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/errand"
	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/supervisor"
)

// hangUpWithin bounds the farewell before a reboot.
const hangUpWithin = 2 * time.Second

// client runs the embedder's callbacks, one at a time and in order, each in a linked goroutine with
// a deadline. A panic in one ends that callback: whoever waits for an answer takes the default.
type client struct {
	door    *Door
	waiting []any
	busy    bool
	number  uint64 // of the callback under way
	log     *zerolog.Logger
}

// maxWaiting bounds the callbacks that wait for a slow one; beyond it the oldest fact makes room.
const maxWaiting = 64

// callbackEnded: from the callback's goroutine or its deadline. Lost with a crash, like the
// callback.
type callbackEnded struct{ number uint64 }

// New makes an incarnation of client.
func New(door *Door) supervisor.Behavior {
	return &client{door: door, log: door.Log("client")}
}

// Init has nothing to ask for.
func (c *client) Init(*supervisor.Ctx) error { return nil }

// Receive handles one message; see the table in the package documentation.
func (c *client) Receive(ctx *supervisor.Ctx, msg any) error {
	switch m := msg.(type) {
	case callbackEnded:
		if m.number == c.number {
			c.busy = false
		}
	case message.Decide, message.DoReboot, message.TellProgress, message.TellError,
		message.TellConnected, message.TellDisconnected, message.TellIdentify:
		c.enqueue(msg)
	default:
		return ctx.Unexpected(msg)
	}
	c.next(ctx)
	return nil
}

// Terminate has nothing to undo: callbacks end with their context.
func (c *client) Terminate(*supervisor.Ctx, error) {}

// enqueue keeps the newest progress only, and nothing without bound.
func (c *client) enqueue(msg any) {
	if _, ok := msg.(message.TellProgress); ok {
		for i, w := range c.waiting {
			if _, ok := w.(message.TellProgress); ok {
				c.waiting[i] = msg
				return
			}
		}
	}
	if len(c.waiting) >= maxWaiting {
		c.log.Warn().Msg("callbacks are slower than what happens, the oldest is left out")
		oldest := max(0, slices.IndexFunc(c.waiting, isFact))
		c.waiting = slices.Delete(c.waiting, oldest, oldest+1)
	}
	c.waiting = append(c.waiting, msg)
}

// isFact reports whether nobody waits for what the callback does.
func isFact(msg any) bool {
	switch msg.(type) {
	case message.Decide, message.DoReboot:
		return false
	default:
		return true
	}
}

func (c *client) next(ctx *supervisor.Ctx) {
	for !c.busy && len(c.waiting) > 0 {
		msg := c.waiting[0]
		c.waiting = c.waiting[1:]
		if f := c.callback(msg); f != nil {
			c.run(ctx, f)
		}
	}
	if len(c.waiting) == 0 {
		c.waiting = nil
	}
}

// run starts f and lets the queue go on when f returns or its deadline has passed, whichever comes
// first.
func (c *client) run(ctx *supervisor.Ctx, f func(context.Context)) {
	c.number++
	c.busy = true
	ended := callbackEnded{number: c.number}
	deadline := c.door.Callbacks.Deadline
	self := ctx.Self()
	timer := ctx.After(deadline, ended)
	ctx.Go("callback", func(gctx context.Context) error {
		gctx, cancel := context.WithTimeout(gctx, deadline)
		defer cancel()
		c.guard(gctx, f)
		if gctx.Err() == nil { // else the timer says so, or the client has ended and waits for nothing
			timer.Stop()
			_ = self.Send(ended)
		}
		return nil
	})
}

// guard keeps a panic of the embedder's to this one callback: the device must not give up because
// one of them fails every time.
func (c *client) guard(ctx context.Context, f func(context.Context)) {
	var panicked *supervisor.PanicError
	if errors.As(errand.Try(func() error { f(ctx); return nil }), &panicked) {
		c.log.Error().
			Err(panicked).
			Bytes("stack", panicked.Stack).
			Msg("a callback panicked, its default applies")
	}
}

// callback returns what to run for msg; nil when the embedder does not care.
func (c *client) callback(msg any) func(context.Context) {
	cl := &c.door.Callbacks
	switch m := msg.(type) {
	case message.Decide:
		return c.decide(m.Offer)
	case message.DoReboot:
		return c.reboot(m.Reason)
	case message.TellProgress:
		if cl.Progress != nil {
			return func(ctx context.Context) { cl.Progress(ctx, m.UUID, m.Stage, m.Percent) }
		}
	case message.TellError:
		if cl.Error != nil {
			return func(ctx context.Context) { cl.Error(ctx, m.Err) }
		}
	case message.TellConnected:
		return cl.Connected
	case message.TellDisconnected:
		return cl.Disconnected
	case message.TellIdentify:
		if cl.Identify == nil {
			c.log.Info().Msg("the hub asked the device to identify itself")
		}
		return cl.Identify
	}
	return nil
}

func (c *client) decide(o firmware.Offer) func(context.Context) {
	updater := c.door.Updater
	ask := c.door.Callbacks.UpdateAvailable
	return func(ctx context.Context) {
		d := firmware.Apply() // also when ask panics
		defer func() {
			if ctx.Err() == nil { // too late: the updater has taken the default
				_ = updater.Send(message.Decided{UUID: o.UUID, Decision: d})
			}
		}()
		if ask != nil {
			d = ask(ctx, o)
		}
	}
}

// hangUp closes the socket politely, after all that was sent: the machine may be gone any moment.
func (c *client) hangUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, hangUpWithin)
	defer cancel()
	// connection is being restarted: the hub sees the end without a close frame
	_, _ = supervisor.Call[message.HungUp](ctx, c.door.Connection, message.Hangup{})
}

func (c *client) reboot(reason string) func(context.Context) {
	hook := c.door.Callbacks.Reboot
	return func(ctx context.Context) {
		if hook != nil {
			c.hangUp(ctx)
			err := errand.Try(func() error { return hook(ctx, reason) })
			if err == nil {
				return
			}
			c.log.Error().
				Err(err).
				Msg("reboot failed; ending instead, so that the init system starts the device anew")
			reason = fmt.Sprintf("%s (the reboot callback failed: %v)", reason, err)
		}
		c.door.Reboot(reason)
	}
}
