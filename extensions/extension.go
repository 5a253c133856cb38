package extensions

import (
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/rs/zerolog"
)

// Extension is one feature beside updates, made by a [Factory] and run by a [Host].
type Extension interface {
	// Handle takes one event; one goroutine at a time calls it. An error or a panic ends this
	// incarnation, and the host makes a fresh one. What the hub sends is never a reason for an error:
	// Handle counts or ignores messages that are unknown or unreadable, and returns nil. A call that
	// takes longer than Factory.Deadline is reported, abandoned, and counts as a crash.
	Handle(e Event) error
}

// Host is what one incarnation of an extension may use, from inside Handle and Factory.New and from
// the goroutines that Go has started. After the end of the incarnation all methods do nothing.
type Host interface {
	Pusher
	Clock
	// Go starts a goroutine that belongs to this incarnation. Its ctx ends with the incarnation; run
	// returns soon after. A panic or an error of run, before that, ends this incarnation as one of
	// Handle does, and nothing else. The name appears in logs and errors.
	Go(name string, run func(ctx context.Context) error)
	// Context ends with the incarnation. It bounds what blocks in Handle.
	Context() context.Context
	// Logger returns the agent's logger with the name of the extension.
	Logger() zerolog.Logger
}

// Pusher sends events to the hub. An event is named without the extension's prefix; its payload is
// marshalled to JSON and must become an object.
type Pusher interface {
	// Push never blocks, and nil means handed over, not arrived. ErrDetached means that the hub does
	// not listen: be silent until Attached. ErrBusy means that the socket is slow and earlier pushes
	// of this extension still wait: drop the event or push it later. Any other error means that
	// payload cannot be marshalled.
	Push(event string, payload any) error
	// PushContext waits while the socket is slow, where Push returns ErrBusy. It returns ErrDetached
	// as soon as the hub does not listen any more, and the error of ctx when that ends.
	PushContext(ctx context.Context, event string, payload any) error
}

// Clock tells the time and wakes the extension.
type Clock interface {
	// Now returns the device's wall clock.
	Now() time.Time
	// Timer sets the timer of that name: a Tick with this Name comes after that duration, attached or
	// not. Zero means as soon as possible, negative means never. A new call replaces the one before.
	Timer(name string, after time.Duration)
	// Wake is Timer for the timer with the empty name.
	Wake(after time.Duration)
}

// Errors of Push and PushContext. Test with errors.Is.
var (
	// ErrDetached: the extension is not attached, so nothing can be pushed.
	ErrDetached = errors.New("extension is not attached")
	// ErrBusy: the socket is slow, and earlier pushes of the extension still wait for it.
	ErrBusy = errors.New("earlier pushes of the extension still wait for the socket")
)

// EventKind is the kind of an [Event].
type EventKind uint8

// The kinds of events.
const (
	Attached EventKind = iota + 1 // the hub listens from now on; Version is set
	Message                       // the hub sent Name with Payload
	Tick                          // the timer Name is over; Host.Wake sets the one with an empty name
	Detached                      // the hub does not listen any more: be silent
)

// String names the kind, for logs and test failures.
func (k EventKind) String() string {
	switch k {
	case Attached:
		return "attached"
	case Message:
		return "message"
	case Tick:
		return "tick"
	case Detached:
		return "detached"
	default:
		return "unknown event"
	}
}

// Event is what [Extension.Handle] takes.
type Event struct {
	Kind EventKind
	// Message: the hub's event without the extension's prefix, "check" for "health:check". Tick: the
	// name of the timer
	Name string
	// Message: any JSON value, valid until Handle returns; nothing has checked it
	Payload jsontext.Value
	Version string // Attached: the version that was agreed on, one of Factory.Versions
}
