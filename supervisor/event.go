package supervisor

import "time"

// Event is one thing that happened to an actor or supervisor. Kind decides which fields are set. An
// Event shows a message by its type only.
type Event struct {
	Kind        EventKind
	Time        time.Time
	Path        string
	Incarnation uint64
	// Reason is set for EventExited, EventRestarting, EventGaveUp, EventAbandoned and
	// EventTerminateFailed.
	Reason error
	// Stack is the stack of the panic behind Reason, if there was one; EventExited, EventGaveUp and
	// EventTerminateFailed carry it.
	Stack []byte
	// Restarts counts the restarts of the child, this one included; for EventRestarting.
	Restarts int
	// Delay is the backoff before the restart; for EventRestarting.
	Delay time.Duration
	// Count is the number of messages; for EventDropped.
	Count int
	// Detail is the type of the message for EventUnexpected, EventDropped and EventNotACall, and the
	// user code that does not return for EventAbandoned.
	Detail string
}

// EventKind is the kind of an Event.
type EventKind uint8

// The kinds of events.
const (
	// EventStarted means that Init of an actor has succeeded, or all children of a supervisor have
	// been started.
	EventStarted EventKind = iota + 1
	// EventExited means that an actor or supervisor has exited.
	EventExited
	// EventRestarting means that a child is restarted after Delay.
	EventRestarting
	// EventGaveUp means that a supervisor has exceeded its Intensity and stops.
	EventGaveUp
	// EventAbandoned means that an actor did not start or stop within its deadline, and is no longer
	// waited for.
	EventAbandoned
	// EventTerminateFailed means that Terminate, a linked goroutine of an exiting actor, or Close of a
	// kept value has panicked.
	EventTerminateFailed
	// EventDropped means that messages were lost, with the mailbox of an exiting actor or by a
	// MailboxPolicy.
	EventDropped
	// EventUnexpected means that an actor got a message that it does not know.
	EventUnexpected
	// EventNotACall means that an actor called Ctx.Reply with no request to answer.
	EventNotACall
)

// String returns the name of the kind, as logs show it.
func (k EventKind) String() string {
	return nameOf(int(k), "unknown", "started", "exited", "restarting", "gave-up", "abandoned",
		"terminate-failed", "dropped", "unexpected", "not-a-call")
}

// listens reports whether events of the kind have a reader.
func (s *System) listens(k EventKind) bool { return s.opts.OnEvent != nil || s.logs(k) }

// emit stamps e, logs it and passes it to Options.OnEvent. It recovers a panic of OnEvent and logs
// it.
func (s *System) emit(e Event) {
	e.Time = time.Now()
	defer func() {
		if v := recover(); v != nil {
			s.opts.Logger.Error().Err(&PanicError{Value: v}).
				Msg("OnEvent panicked; the event is lost to it")
		}
	}()
	s.log(e)
	if s.opts.OnEvent != nil {
		s.opts.OnEvent(e)
	}
}
