package supervisor

import (
	"errors"
	"fmt"
	"runtime"
	"time"
)

// Exit reasons and errors that callers branch on.
var (
	ErrNormal   = errors.New("normal") // exit reason of an actor that is done
	ErrShutdown = errors.New(
		"shutdown",
	) // exit reason of an actor that was asked to stop; answer of a supervisor that is stopping

	ErrNoProc         = errors.New("no such actor is alive")
	ErrMailboxFull    = errors.New("mailbox full")
	ErrNilMessage     = errors.New("a message must not be nil")
	ErrStopped        = errors.New("the supervision system has been shut down")
	ErrAlreadyStarted = errors.New("already started")
	ErrAlreadyPresent = errors.New(
		"a child with this ID is present but not running",
	) // RestartChild or DeleteChild it
	ErrNotFound     = errors.New("no such child")
	ErrRunning      = errors.New("the child is running")
	ErrRestarting   = errors.New("the child is being restarted")
	ErrStartTimeout = errors.New("start deadline exceeded")
	ErrStopTimeout  = errors.New("shutdown deadline exceeded")
	ErrUnexpected   = errors.New("the actor does not know this request")
	ErrGoexit       = errors.New("runtime.Goexit called")
	ErrKilled       = errors.New("stopped from outside of its supervisor")
	// ErrNarrow: NewSystem does not take an ActorSystem where an int has 32 bits (GOARCH 386, arm,
	// mips): its registry panics for every second name. An own one works there, and gives the
	// embedder's actors a home, too.
	ErrNarrow = errors.New(
		"does not work on 32-bit platforms: leave it out and use System.ActorSystem for other actors, too",
	)
)

// StartError says which actor did not start.
type StartError struct {
	Path string
	// what Init returned, *PanicError, ErrStartTimeout, or ErrShutdown when it was asked to stop
	// before it was up
	Err error
}

// Error implements error.
func (e *StartError) Error() string { return fmt.Sprintf("start %s: %v", e.Path, e.Err) }

// Unwrap returns what went wrong.
func (e *StartError) Unwrap() error { return e.Err }

// GaveUpError is the exit reason of a supervisor whose children crashed more often than its
// Intensity allows.
type GaveUpError struct {
	Path   string // of the supervisor
	Child  string // ID of the child that was one crash too many
	Max    int
	Within time.Duration
	Reason error // of that crash
}

// Error implements error.
func (e *GaveUpError) Error() string {
	return fmt.Sprintf(
		"supervisor %s gave up: more than %d restarts within %v, the last of %s: %v",
		e.Path,
		e.Max,
		e.Within,
		e.Child,
		e.Reason,
	)
}

// Unwrap returns the reason of the last crash.
func (e *GaveUpError) Unwrap() error { return e.Reason }

// PanicError is the exit reason of an actor that panicked.
type PanicError struct {
	Value any
	Stack []byte
}

// Error implements error. A panic value that is neither an error nor a string shows its type only,
// because it may be a message.
func (e *PanicError) Error() string {
	switch v := e.Value.(type) {
	case runtime.Error:
		return "panic: " + v.Error()
	case error:
		return "panic: " + v.Error()
	case string:
		return "panic: " + v
	default:
		return fmt.Sprintf("panic with a %T", v)
	}
}

// Unwrap returns the panic value if it was an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// DownError is what Call returns when the callee ends before it has answered.
type DownError struct {
	Path   string
	Reason error
}

// Error implements error.
func (e *DownError) Error() string {
	return fmt.Sprintf("%s ended before it answered: %v", e.Path, e.Reason)
}

// Unwrap returns the exit reason of the callee.
func (e *DownError) Unwrap() error { return e.Reason }

// orderly says whether an exit with this reason is none that a transient child is restarted for.
// What a supervisor gave up for does not matter: giving up is never orderly.
func orderly(reason error) bool {
	var gaveUp *GaveUpError
	var panicked *PanicError
	if errors.As(reason, &gaveUp) || errors.As(reason, &panicked) {
		return false
	}
	return errors.Is(reason, ErrNormal) || errors.Is(reason, ErrShutdown)
}
