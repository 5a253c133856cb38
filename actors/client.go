package actors

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/supervisor"
)

// clientDeadline is how long a callback may take when the config does not say.
const clientDeadline = 30 * time.Second

// hangUpWithin bounds the farewell before a reboot.
const hangUpWithin = 2 * time.Second

// client runs the embedder's callbacks, one at a time and in order, each in a linked goroutine with
// a deadline. A panic in one ends that callback: whoever waits for an answer takes the default.
type client struct {
	dev     *Device
	waiting []any
	busy    bool
	number  uint64 // of the callback under way
	log     zerolog.Logger
}

// maxWaiting bounds the callbacks that wait for a slow one; beyond it the oldest fact makes room.
const maxWaiting = 64

// Messages to client.
type (
	// decide: from updater, the policy lets offer pass. Lost: the updater takes the default at its
	// deadline.
	decide struct{ offer firmware.Offer }
	// tellProgress, tellError, tellConnected, tellDisconnected, tellIdentify: facts for the callbacks.
	// Lost: not told.
	tellProgress     struct{ p Progress }
	tellError        struct{ err error }
	tellConnected    struct{}
	tellDisconnected struct{}
	tellIdentify     struct{}
	// doReboot: from updater, everything is safe on disk. Lost with a crash: the updater takes the
	// default.
	doReboot struct{ reason string }
	// callbackEnded: from the callback's goroutine or its deadline.
	callbackEnded struct{ number uint64 }
)

func (d *Device) newClient(supervisor.Heir) supervisor.Behavior {
	return &client{dev: d, log: d.log("client")}
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
	case decide, tellProgress, tellError, tellConnected, tellDisconnected, tellIdentify, doReboot:
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
	if _, ok := msg.(tellProgress); ok {
		for i, w := range c.waiting {
			if _, ok := w.(tellProgress); ok {
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
	case decide, doReboot:
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
	deadline := c.dev.cfg.Client.Deadline
	if deadline == 0 {
		deadline = clientDeadline
	}
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
	if errors.As(try(func() error { f(ctx); return nil }), &panicked) {
		c.log.Error().
			Err(panicked).
			Bytes("stack", panicked.Stack).
			Msg("a callback panicked, its default applies")
	}
}

// callback returns what to run for msg; nil when the embedder does not care.
func (c *client) callback(msg any) func(context.Context) {
	cl := &c.dev.cfg.Client
	switch m := msg.(type) {
	case decide:
		return c.decide(m.offer)
	case doReboot:
		return c.reboot(m.reason)
	case tellProgress:
		if cl.Progress != nil {
			return func(ctx context.Context) { cl.Progress(ctx, m.p) }
		}
	case tellError:
		if cl.Error != nil {
			return func(ctx context.Context) { cl.Error(ctx, m.err) }
		}
	case tellConnected:
		return cl.Connected
	case tellDisconnected:
		return cl.Disconnected
	case tellIdentify:
		if cl.Identify == nil {
			c.log.Info().Msg("the hub asked the device to identify itself")
		}
		return cl.Identify
	}
	return nil
}

func (c *client) decide(o firmware.Offer) func(context.Context) {
	updater := c.dev.updater
	ask := c.dev.cfg.Client.UpdateAvailable
	return func(ctx context.Context) {
		d := firmware.Apply() // also when ask panics
		defer func() {
			if ctx.Err() == nil { // too late: the updater has taken the default
				_ = updater.Send(decided{uuid: o.UUID, decision: d})
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
	_, _ = supervisor.Call[hungUp](
		ctx,
		c.dev.connection,
		hangup{},
	) // being restarted: the hub sees a bare end
}

func (c *client) reboot(reason string) func(context.Context) {
	hook := c.dev.cfg.Client.Reboot
	return func(ctx context.Context) {
		if hook != nil {
			c.hangUp(ctx)
			err := try(func() error { return hook(ctx, reason) })
			if err == nil {
				return
			}
			c.log.Error().
				Err(err).
				Msg("reboot failed; ending instead, so that the init system starts the device anew")
			reason = fmt.Sprintf("%s (the reboot callback failed: %v)", reason, err)
		}
		c.dev.endForReboot(reason)
	}
}

// try makes an error of a panic.
func try(callback func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &supervisor.PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return callback()
}
