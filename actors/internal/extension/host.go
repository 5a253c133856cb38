package extension

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/supervisor"
)

// host is one incarnation's extensions.Host. Its methods may be called from any goroutine.
type host struct {
	name    string
	ctx     *supervisor.Ctx
	self    supervisor.Ref
	channel supervisor.Ref
	number  uint64
	window  pushWindow
	log     *zerolog.Logger
}

func newHost(e *extension, ctx *supervisor.Ctx) *host {
	return &host{
		name: e.factory.Name, ctx: ctx, self: ctx.Self(), number: e.number, log: e.log,
		channel: e.door.Channel,
	}
}

// Push implements extensions.Pusher.
func (h *host) Push(event string, payload any) error {
	data, err := h.encode(event, payload)
	if err != nil {
		return err
	}
	if err := h.window.take(len(data)); err != nil {
		return err
	}
	return h.send(event, data)
}

// PushContext implements extensions.Pusher.
func (h *host) PushContext(ctx context.Context, event string, payload any) error {
	data, err := h.encode(event, payload)
	if err != nil {
		return err
	}
	if err := h.window.wait(ctx, len(data)); err != nil {
		return err
	}
	return h.send(event, data)
}

func (h *host) encode(event string, payload any) (jsontext.Value, error) {
	data, err := json.Marshal(payload, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("push %s:%s: %w", h.name, event, err)
	}
	return data, nil
}

func (h *host) send(event string, data jsontext.Value) error {
	if h.channel.Send(message.ExtensionPush{Name: h.name, Event: event, Payload: data}) != nil {
		h.window.sent(len(data))
		return extensions.ErrDetached
	}
	return nil
}

// Go implements extensions.Host.
func (h *host) Go(name string, run func(ctx context.Context) error) { h.ctx.Go(name, run) }

// Context implements extensions.Host.
func (h *host) Context() context.Context { return h.ctx.Context() }

// Logger implements extensions.Host.
func (h *host) Logger() zerolog.Logger {
	if h.log.GetLevel() == zerolog.Disabled {
		return *h.log
	}
	return h.log.With().Str("extension", h.name).Logger()
}

// Timer implements extensions.Clock.
func (h *host) Timer(name string, after time.Duration) {
	// not alive: the incarnation has ended
	_ = h.self.Send(setTimer{incarnation: h.number, name: name, after: after})
}

// Wake implements extensions.Clock.
func (h *host) Wake(after time.Duration) { h.Timer("", after) }

// Now implements extensions.Clock.
func (h *host) Now() time.Time { return time.Now() }
