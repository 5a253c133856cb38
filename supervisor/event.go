package supervisor

import "time"

// Event is one thing that happened to an actor. Which fields are set depends on Kind; a message
// appears by its type only.
type Event struct {
	Kind        EventKind
	Time        time.Time
	Path        string
	Incarnation uint64
	// EventExited, EventRestarting, EventGaveUp, EventAbandoned, EventTerminateFailed
	Reason error
	Stack  []byte // of the panic behind Reason; nil without one
	// EventRestarting: how often this child has been restarted, this time included
	Restarts int
	Delay    time.Duration // EventRestarting: the backoff
	Count    int           // EventDropped: how many messages
	// EventUnexpected, EventDropped, EventNotACall: type of the message; EventAbandoned: what does not
	// return
	Detail string
}

// EventKind says what happened.
type EventKind uint8

// The kinds of events.
const (
	// Init has returned; of a supervisor: all its children are up
	EventStarted    EventKind = iota + 1
	EventExited               // an actor has ended, with Reason
	EventRestarting           // a child will be restarted after Delay
	EventGaveUp               // a supervisor exceeded its Intensity
	// an actor did not start or stop in its time and is no longer waited for
	EventAbandoned
	EventTerminateFailed // Terminate, or Close of a heir slot, panicked
	// messages were lost: with the mailbox of an actor that ended, or by a MailboxPolicy
	EventDropped
	EventUnexpected // an actor got a message it does not know
	EventNotACall   // an actor replied to what was not a Call
)

// String returns the name of the kind, for logs.
func (k EventKind) String() string {
	return name(
		int(k),
		"unknown",
		"started",
		"exited",
		"restarting",
		"gave-up",
		"abandoned",
		"terminate-failed",
		"dropped",
		"unexpected",
		"not-a-call",
	)
}

// emit stamps e, logs it and hands it to the host. A hook that panics harms nobody.
func (s *System) emit(e Event) {
	if s.opts.OnEvent == nil && !s.logs(e.Kind) {
		return
	}
	e.Time = time.Now()
	defer func() {
		if v := recover(); v != nil {
			s.opts.Logger.Error().Err(&PanicError{Value: v}).Msg("event hook panicked")
		}
	}()
	s.log(e)
	if s.opts.OnEvent != nil {
		s.opts.OnEvent(e)
	}
}
