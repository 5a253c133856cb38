package fedecks

import (
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/hublink-go/hublink/supervisor"
)

// Messages to events.
type (
	// tell: from all actors; e happened. The numbers are consecutive, so a gap means that events were
	// dropped.
	tell struct {
		e      Event
		number uint64
	}
	// quit: from Stop, a Call. The connector hangs up and answers with done. The events actor answers
	// with done when the callbacks have returned from all earlier events.
	quit struct{}
)

// done answers quit.
type done struct{}

// events runs the callbacks, one at a time and in order.
type events struct{ client *Client }

// Init has nothing to do.
func (a *events) Init(*supervisor.Ctx) error { return nil }

// Receive handles one message.
func (a *events) Receive(ctx *supervisor.Ctx, msg any) error {
	switch m := msg.(type) {
	case tell:
		if lost := a.client.events.missing(m.number); lost > 0 {
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
	for _, f := range a.client.events.listeners() {
		a.call(f, e)
	}
}

// call calls f. It recovers a panic and logs it, because a callback that fails with every event
// must not end the link.
func (a *events) call(f func(Event), e Event) {
	defer func() {
		if v := recover(); v != nil {
			a.client.log.Error().Bytes("stack", debug.Stack()).Str("event", e.Kind.String()).
				Msg("an event callback panicked")
		}
	}()
	f(e)
}

// journal numbers the events of a client and keeps who subscribed to them. The zero journal is
// empty. Its methods may be called from any goroutine.
type journal struct {
	mu          sync.Mutex
	subscribers map[uint64]func(Event)
	key         uint64 // of the newest subscriber

	order sync.Mutex
	told  uint64 // number of the newest event
	heard uint64 // number of the newest event that the subscribers were told
}

func (j *journal) subscribe(f func(Event)) (cancel func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.subscribers == nil {
		j.subscribers = map[uint64]func(Event){}
	}
	j.key++
	key := j.key
	j.subscribers[key] = f
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		delete(j.subscribers, key)
	}
}

// listeners returns the subscribers, the oldest first.
func (j *journal) listeners() []func(Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]func(Event), 0, len(j.subscribers))
	for _, key := range slices.Sorted(maps.Keys(j.subscribers)) {
		out = append(out, j.subscribers[key])
	}
	return out
}

// missing takes in that the event number is told now and returns how many events between it and the
// one told before were dropped.
func (j *journal) missing(number uint64) uint64 {
	j.order.Lock()
	defer j.order.Unlock()
	lost := number - j.heard - 1
	j.heard = number
	return lost
}

// emit sends e to the events actor. It holds the lock while it sends, so that events arrive in the
// order of their numbers. An event is lost when that actor is being restarted.
func (c *Client) emit(e Event) {
	c.events.order.Lock()
	defer c.events.order.Unlock()
	c.events.told++
	_ = c.ref(nameEvents).Send(tell{e: e, number: c.events.told})
}
