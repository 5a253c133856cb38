package supervisor

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"
)

// Exit reasons. They are OTP's; ErrGoexit and ErrKilled are crashes.
var (
	// ErrNormal is the exit reason of an actor that has done its work.
	ErrNormal = errors.New("normal")
	// ErrShutdown is the exit reason of an actor that was asked to stop, and the answer of a
	// supervisor that is stopping.
	ErrShutdown = errors.New("shutdown")
	// ErrGoexit is the exit reason of an actor whose code has called runtime.Goexit.
	ErrGoexit = errors.New("runtime.Goexit called")
	// ErrKilled is the exit reason of an actor whose PID was stopped through protoactor, not by its
	// supervisor.
	ErrKilled = errors.New("stopped from outside of its supervisor")
)

// Errors that callers branch on.
var (
	// ErrNoProc means that no incarnation is alive under the name, or it is exiting.
	ErrNoProc = errors.New("no such actor is alive")
	// ErrMailboxFull means that the MailboxPolicy of the actor refuses the message.
	ErrMailboxFull = errors.New("mailbox full")
	// ErrNilMessage means that a message or request is nil.
	ErrNilMessage = errors.New("a message must not be nil")
	// ErrUnexpected means that the actor does not know the request, or is a supervisor, which answers
	// none.
	ErrUnexpected = errors.New("the actor does not know this request")
	// ErrStopped means that System.Shutdown was called.
	ErrStopped = errors.New("the supervision system has been shut down")
	// ErrAlreadyStarted means that an actor with the name or ID runs.
	ErrAlreadyStarted = errors.New("already started")
	// ErrAlreadyPresent means that a child with the ID is down; RestartChild starts it, DeleteChild
	// removes it.
	ErrAlreadyPresent = errors.New("a child with this ID is present but not running")
	// ErrNotFound means that the supervisor has no child with the ID.
	ErrNotFound = errors.New("no such child")
	// ErrRunning means that the child runs; TerminateChild stops it.
	ErrRunning = errors.New("the child is running")
	// ErrRestarting means that the supervisor is about to start the child, or is starting it.
	ErrRestarting = errors.New("the child is being restarted")
	// ErrStartTimeout means that New and Init did not return within the Start of the child spec.
	ErrStartTimeout = errors.New("start deadline exceeded")
	// ErrStopTimeout means that the exit took longer than the Shutdown of the child spec.
	ErrStopTimeout = errors.New("shutdown deadline exceeded")
	// ErrNarrow means that Options.ActorSystem was given on a platform with 32-bit ints (GOARCH 386,
	// arm, mips), where the registry of a foreign ActorSystem panics for every second name. An own
	// ActorSystem works there; the embedder's actors can live in it too.
	ErrNarrow = errors.New(
		"does not work on 32-bit platforms: leave it out and use System.ActorSystem for other actors too",
	)
)

// StartError names the actor that did not start.
type StartError struct {
	Path string
	// Err is what Init returned, a *PanicError, ErrStartTimeout, or ErrShutdown for an actor that was
	// stopped before its Init had succeeded.
	Err error
}

// Error implements error.
func (e *StartError) Error() string { return fmt.Sprintf("start %s: %v", e.Path, e.Err) }

// Unwrap returns Err.
func (e *StartError) Unwrap() error { return e.Err }

// GaveUpError is the exit reason of a supervisor whose children crashed more often than its
// Intensity allows. To a parent it is a crash.
type GaveUpError struct {
	Path   string // of the supervisor
	Child  string // ID of the child that crashed last
	Max    int
	Within time.Duration
	Reason error // of the last crash
}

// Error implements error.
func (e *GaveUpError) Error() string {
	return fmt.Sprintf("supervisor %s gave up: more than %d restarts within %v, the last of %s: %v",
		e.Path, e.Max, e.Within, e.Child, e.Reason)
}

// Unwrap returns the reason of the last crash.
func (e *GaveUpError) Unwrap() error { return e.Reason }

// PanicError is the exit reason of an actor that panicked.
type PanicError struct {
	Value any
	Stack []byte
}

// Error implements error. It shows a panic value that is neither an error nor a string by its type
// only, because it may be a message that holds secrets.
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

// Unwrap returns the panic value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// DownError is the error of a Call whose callee exits before it has replied.
type DownError struct {
	Path   string
	Reason error
}

// Error implements error.
func (e *DownError) Error() string {
	return fmt.Sprintf("%s exited before it replied: %v", e.Path, e.Reason)
}

// Unwrap returns the exit reason of the callee.
func (e *DownError) Unwrap() error { return e.Reason }

// orderly reports whether a transient child that exits with this reason stays down. A panic and a
// GaveUpError are never orderly, whatever they wrap.
func orderly(reason error) bool {
	var gaveUp *GaveUpError
	var panicked *PanicError
	if errors.As(reason, &gaveUp) || errors.As(reason, &panicked) {
		return false
	}
	return errors.Is(reason, ErrNormal) || errors.Is(reason, ErrShutdown)
}

// newPanicError returns a recovered panic value as an error, with the stack of the panic.
func newPanicError(value any) *PanicError { return &PanicError{Value: value, Stack: debug.Stack()} }

// stackOf returns the stack of the panic behind reason, or nil.
func stackOf(reason error) []byte {
	var p *PanicError
	if errors.As(reason, &p) {
		return p.Stack
	}
	return nil
}
