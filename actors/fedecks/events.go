package fedecks

import (
	"runtime/debug"

	"github.com/hublink-go/hublink/supervisor"
)

// Messages to events.
type (
	// tell: from all, e happened.
	tell struct{ e Event }
	// quit: from Stop, a Call, answered with done when all that was told before has been heard. To the connector: hang up.
	quit struct{}
)

type done struct{}

// events runs the callbacks, one at a time and in order.
type events struct{ client *Client }

// Init has nothing to do.
func (a *events) Init(*supervisor.Ctx) error { return nil }

// Receive handles one message.
func (a *events) Receive(ctx *supervisor.Ctx, msg any) error {
	switch m := msg.(type) {
	case tell:
		for _, f := range a.client.told() {
			a.call(f, m.e)
		}
		return nil
	case quit:
		ctx.Reply(done{})
		return nil
	default:
		return ctx.Unexpected(msg)
	}
}

// Terminate has nothing to undo.
func (a *events) Terminate(*supervisor.Ctx, error) {}

// call keeps a panic to this one call: the link must not end because a callback fails every time.
func (a *events) call(f func(Event), e Event) {
	defer func() {
		if v := recover(); v != nil {
			a.client.log.Error().Bytes("stack", debug.Stack()).Str("event", e.Kind.String()).Msg("an event callback panicked")
		}
	}()
	f(e)
}

func (c *Client) emit(e Event) {
	_ = c.ref(nameEvents).Send(tell{e: e}) // without an events actor nobody can be told
}
