package supervisor

import "time"

// Event is one thing that happened to an actor. Which fields are set depends on Kind; a message appears by its type only.
type Event struct {
	Kind        EventKind
	Time        time.Time
	Path        string
	Incarnation uint64
	Reason      error         // EventExited, EventRestarting, EventGaveUp, EventAbandoned, EventTerminateFailed
	Stack       []byte        // of the panic behind Reason; nil without one
	Restarts    int           // EventRestarting: how often this child has been restarted, this time included
	Delay       time.Duration // EventRestarting: the backoff
	Count       int           // EventDropped: how many messages
	Detail      string        // EventUnexpected, EventDropped, EventNotACall: type of the message; EventAbandoned: what does not return
}

// EventKind says what happened.
type EventKind uint8

// The kinds of events.
const (
	EventStarted         EventKind = iota + 1 // Init has returned; of a supervisor: all its children are up
	EventExited                               // an actor has ended, with Reason
	EventRestarting                           // a child will be restarted after Delay
	EventGaveUp                               // a supervisor exceeded its Intensity
	EventAbandoned                            // an actor did not start or stop in its time and is no longer waited for
	EventTerminateFailed                      // Terminate, or Close of a heir slot, panicked
	EventDropped                              // messages were lost: with the mailbox of an actor that ended, or by a MailboxPolicy
	EventUnexpected                           // an actor got a message it does not know
	EventNotACall                             // an actor replied to what was not a Call
)

// String returns the name of the kind, for logs.
func (k EventKind) String() string {
	return name(int(k), "unknown", "started", "exited", "restarting", "gave-up", "abandoned", "terminate-failed", "dropped",
		"unexpected", "not-a-call")
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
