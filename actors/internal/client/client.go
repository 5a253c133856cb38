package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/drive"
	"github.com/hublink-go/hublink/actors/internal/errand"
	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/supervisor"
)

// hangUpWithin bounds the farewell before a reboot.
const hangUpWithin = 2 * time.Second

// client runs the embedder's callbacks, one at a time and in order, each in a linked goroutine with
// a deadline. A panic in one ends that callback, and its default applies.
type client struct {
	door    *Door
	backlog backlog
	timer   drive.Timer
	log     *zerolog.Logger
}

// callbackEnded: from the callback's goroutine or its deadline. Lost with a crash, like the
// callback.
type callbackEnded struct{ number uint64 }

// New makes an incarnation of client.
func New(door *Door) supervisor.Behavior {
	return &client{door: door, log: door.Log("client")}
}

// Init has nothing to ask for.
func (c *client) Init(*supervisor.Ctx) error { return nil }

// Receive handles one message; see the table in package actors.
func (c *client) Receive(ctx *supervisor.Ctx, msg any) error {
	switch m := msg.(type) {
	case callbackEnded:
		c.backlog.end(m.number)
	case drive.Tick:
		c.backlog.expire(time.Now())
	case message.Decide, message.DoReboot, message.TellProgress, message.TellError,
		message.TellConnected, message.TellDisconnected, message.TellIdentify:
		if c.backlog.put(msg) {
			c.log.Warn().Msg("callbacks are slower than what happens; the oldest is left out")
		}
	default:
		return ctx.Unexpected(msg)
	}
	c.next(ctx)
	c.timer.Arm(ctx, c.backlog.deadline())
	return nil
}

// Terminate has nothing to undo: callbacks end with their context.
func (c *client) Terminate(*supervisor.Ctx, error) {}

// next runs the next message that has a callback.
func (c *client) next(ctx *supervisor.Ctx) {
	for msg, ok := c.backlog.next(); ok; msg, ok = c.backlog.next() {
		if f := c.callback(msg); f != nil {
			c.run(ctx, f)
		}
	}
}

// run starts f. The backlog goes on when f returns or its deadline has passed, whichever comes
// first.
func (c *client) run(ctx *supervisor.Ctx, f func(context.Context)) {
	patience, self := c.door.Callbacks.Deadline, ctx.Self()
	ended := callbackEnded{number: c.backlog.begin(drive.In(patience))}
	ctx.Go("callback", func(gctx context.Context) error {
		gctx, cancel := context.WithTimeout(gctx, patience)
		defer cancel()
		c.guard(gctx, f)
		if gctx.Err() == nil { // else the deadline has passed, or the client has ended
			_ = self.Send(ended)
		}
		return nil
	})
}

// guard recovers a panic of a callback and logs it: the device must not give up because one of them
// fails every time.
func (c *client) guard(ctx context.Context, f func(context.Context)) {
	var panicked *supervisor.PanicError
	if errors.As(errand.Try(func() error { f(ctx); return nil }), &panicked) {
		c.log.Error().
			Err(panicked).
			Bytes("stack", panicked.Stack).
			Msg("a callback panicked, its default applies")
	}
}

// callback returns what to run for msg; nil when the embedder has no callback for it.
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

// hangUp closes the socket after all that was sent, because the machine may be gone at any moment.
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
				Msg("the reboot callback failed; the agent ends, so that the init system starts it again")
			reason = fmt.Sprintf("%s (the reboot callback failed: %v)", reason, err)
		}
		c.door.Reboot(reason)
	}
}
