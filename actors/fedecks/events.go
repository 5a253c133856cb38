package fedecks

import (
	"fmt"
	"runtime/debug"

	"github.com/hublink-go/hublink/supervisor"
)

// Messages to events.
type (
	// tell: from all, e happened. Numbers follow each other, so a gap is what was dropped.
	tell struct {
		e      Event
		number uint64
	}
	// quit: from Stop, a Call, answered with done when all that was told before has been heard. To the
	// connector: hang up.
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
		if lost := a.client.missing(m.number); lost > 0 {
			a.tell(Event{Kind: EventDropped, Reason: fmt.Errorf("%d %w", lost, ErrEventsLost)})
		}
		a.tell(m.e)
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

func (a *events) tell(e Event) {
	for _, f := range a.client.listeners() {
		a.call(f, e)
	}
}

// call keeps a panic to this one call: the link must not end because a callback fails every time.
func (a *events) call(f func(Event), e Event) {
	defer func() {
		if v := recover(); v != nil {
			a.client.log.Error().
				Bytes("stack", debug.Stack()).
				Str("event", e.Kind.String()).
				Msg("an event callback panicked")
		}
	}()
	f(e)
}

func (c *Client) emit(e Event) {
	c.telling.Lock()
	defer c.telling.Unlock()
	c.told++
	_ = c.ref(nameEvents).
		Send(tell{e: e, number: c.told})
	// without an events actor nobody can be told
}

// missing says how many events were dropped between the one told before and the one with a number.
func (c *Client) missing(number uint64) uint64 {
	c.telling.Lock()
	defer c.telling.Unlock()
	lost := number - c.heard - 1
	c.heard = number
	return lost
}
