package extensions

import (
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Extension is one feature beside updates, made by a [Factory] and run by a [Host].
type Extension interface {
	// Handle takes one event; it is called by one goroutine at a time. An error means "start me
	// fresh": the host drops this extension and makes another. What the hub sends is never a reason
	// for one: messages that are unknown or cannot be read are counted or ignored, and nil is
	// returned.
	Handle(e Event) error
}

// Host is what an extension may use. Push and Now are for the goroutine that is inside Handle or
// Factory.New; Wake is for any.
type Host interface {
	// Push sends an event to the hub, named without the extension's prefix; the payload is marshalled
	// to JSON and must become an object. It never blocks, and success means handed over, not arrived.
	// [ErrDetached]: the hub does not listen, be silent until Attached. Any other error: the payload
	// cannot be marshalled.
	Push(event string, payload any) error
	// Wake sets the one timer: a Tick comes after this long, attached or not. Zero is as soon as
	// possible, negative is never. A new call replaces the one before. It does nothing once the
	// extension has ended.
	Wake(after time.Duration)
	// Now is the device's wall clock.
	Now() time.Time
}

// ErrDetached says that the extension is not attached, so that nothing can be pushed. Test with
// errors.Is.
var ErrDetached = errors.New("extension is not attached")

// EventKind says what an [Event] is about.
type EventKind uint8

// What an extension is told.
const (
	Attached EventKind = iota + 1 // the hub listens from now on; Version is set
	Message                       // the hub sent Name with Payload
	Tick                          // the time given to Host.Wake is over
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

// Event is one thing that an extension is told.
type Event struct {
	Kind EventKind
	// Message: the hub's event without the extension's prefix, "check" for "health:check"
	Name string
	// Message: any JSON value, valid until Handle returns; not yet looked at, so expect anything
	Payload jsontext.Value
	Version string // Attached: the version that was agreed on, one of Factory.Versions
}
