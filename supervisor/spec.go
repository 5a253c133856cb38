package supervisor

import "time"

// Behavior is what an actor implements. Its methods run one at a time. Errors are exit reasons:
// with nil the actor goes on, with ErrNormal or ErrShutdown it exits in order, and any other error
// is a crash, as a panic is.
type Behavior interface {
	// Init prepares the actor. An error or panic is a start failure, which Start or StartChild returns
	// as a *StartError; Terminate is not called then.
	Init(c *Ctx) error
	// Receive handles one message.
	Receive(c *Ctx, msg any) error
	// Terminate runs once when the actor exits after a successful Init, also after a crash. It does
	// not run for an actor that was abandoned.
	Terminate(c *Ctx, reason error)
}

// Restart decides after which exits a supervisor restarts a child.
type Restart uint8

// The restart types of OTP.
const (
	// Permanent means that the child is always restarted.
	Permanent Restart = iota
	// Transient means that the child is restarted after a crash, and not after ErrNormal or
	// ErrShutdown.
	Transient
	// Temporary means that the child is never restarted, and removed when it has exited.
	Temporary
)

// String returns the name in OTP's spelling.
func (r Restart) String() string { return nameOf(int(r), "permanent", "transient", "temporary") }

// Strategy decides which children are restarted together with a child that has crashed.
type Strategy uint8

// The strategies of OTP.
const (
	// OneForOne restarts the child alone.
	OneForOne Strategy = iota
	// OneForAll restarts all children.
	OneForAll
	// RestForOne restarts the child and those that were started after it.
	RestForOne
	// Dynamic restarts the child alone. Children are added with StartChild only and may be very many;
	// the supervisor stops them all at once.
	Dynamic
)

// String returns the name in OTP's spelling, and "dynamic" for what OTP calls simple_one_for_one.
func (s Strategy) String() string {
	return nameOf(int(s), "one_for_one", "one_for_all", "rest_for_one", "dynamic")
}

// AutoShutdown decides when the exit of significant children makes their supervisor exit. Without
// significant children it has no effect.
type AutoShutdown uint8

// The choices of OTP. Its "never" is a supervisor without significant children.
const (
	// AnySignificant means that the supervisor exits with the first significant child that exits by
	// itself.
	AnySignificant AutoShutdown = iota
	// AllSignificant means that the supervisor exits with the last of them.
	AllSignificant
)

// Overflow decides what a full mailbox does with one message more.
type Overflow uint8

// What a bounded mailbox may do.
const (
	// Refuse means that Send returns ErrMailboxFull.
	Refuse Overflow = iota
	// DropNewest means that the mailbox drops the new message and reports EventDropped.
	DropNewest
	// DropOldest means that the mailbox drops its oldest message and reports EventDropped.
	DropOldest
)

// MailboxPolicy bounds a mailbox. Timers and Down messages always fit. The zero value is unbounded.
type MailboxPolicy struct {
	Capacity int // messages; zero means unbounded
	Overflow Overflow
}

// Intensity is how many restarts a supervisor carries out: at most Max within any period Within,
// for all children together. Beyond that it stops its children and exits with a *GaveUpError. The
// zero value means 3 within 5 s; Max 0 with a Within means no restart at all.
type Intensity struct {
	Max    int
	Within time.Duration
}

// Backoff spreads restarts: before the n-th restart of a child in a row, its supervisor waits a
// random time between Min and min(Max, Min*2^(n-1)). A child that has run for Max starts a new row.
// The zero value restarts at once.
type Backoff struct {
	Min, Max time.Duration // a zero Max means 30 s
}

// ChildSpec describes one child. After a call of Start or StartChild it belongs to the supervisor,
// and the caller must not change it.
type ChildSpec struct {
	ID         string                // unique among its siblings
	New        func(h Heir) Behavior // makes one incarnation; h holds what the previous one kept
	Supervisor *Spec                 // instead of New: a nested supervisor
	Restart    Restart
	// Start bounds New and Init together; zero means 5 s. A nested supervisor takes as long as its
	// children.
	Start time.Duration
	// Shutdown bounds the exit of the actor and of its linked goroutines; zero means 5 s. An actor
	// that takes longer is abandoned. A nested supervisor takes as long as its children.
	Shutdown    time.Duration
	Significant bool // see AutoShutdown; a Permanent child cannot be significant
	Mailbox     MailboxPolicy
}

// Spec describes a supervisor. After a call of Start it belongs to the System, and the caller must
// not change it.
type Spec struct {
	// Name of a root supervisor: the first part of every path below it. A nested supervisor has the ID
	// of its ChildSpec instead.
	Name         string
	Strategy     Strategy
	AutoShutdown AutoShutdown
	Intensity    Intensity
	Backoff      Backoff
	Children     []ChildSpec // in start order; empty for Dynamic
}

// defaultDeadline is the zero Start and Shutdown of a ChildSpec. OTP has it for the shutdown of
// workers.
const defaultDeadline = 5 * time.Second

func (cs *ChildSpec) startWithin() time.Duration { return orDefault(cs.Start, defaultDeadline) }

func (cs *ChildSpec) stopWithin() time.Duration { return orDefault(cs.Shutdown, defaultDeadline) }

func orDefault(d, zero time.Duration) time.Duration {
	if d == 0 {
		return zero
	}
	return d
}

// nameOf returns the i-th name.
func nameOf(i int, names ...string) string {
	if i < len(names) {
		return names[i]
	}
	return "unknown"
}
