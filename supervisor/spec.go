package supervisor

import (
	"time"
)

// Behavior is what an actor implements. All methods run one at a time. Errors are exit reasons: nil
// goes on, ErrNormal and ErrShutdown end the actor in an orderly way, anything else is a crash, as
// is a panic.
type Behavior interface {
	// Init prepares the actor. An error or panic is a start failure and is returned to whoever starts;
	// Terminate is not called.
	Init(c *Ctx) error
	// Receive handles one message.
	Receive(c *Ctx, msg any) error
	// Terminate is called once after a successful Init, also after a crash, but not for an abandoned
	// actor.
	Terminate(c *Ctx, reason error)
}

// Restart says which ends of a child its supervisor repairs.
type Restart uint8

// The restart types of OTP.
const (
	Permanent Restart = iota // always restarted
	Transient                // restarted after a crash, not after ErrNormal or ErrShutdown
	Temporary                // never restarted; forgotten when it ends
)

// String returns the name in OTP's spelling.
func (r Restart) String() string { return name(int(r), "permanent", "transient", "temporary") }

// Strategy says who is restarted together with a child that has crashed.
type Strategy uint8

// The strategies of OTP.
const (
	OneForOne  Strategy = iota // the child alone
	OneForAll                  // all children
	RestForOne                 // the child and those that were started after it
	// children are added with StartChild only, are independent of each other and may be very many
	Dynamic
)

// String returns the name in OTP's spelling; Dynamic is what OTP calls simple_one_for_one.
func (s Strategy) String() string {
	return name(int(s), "one_for_one", "one_for_all", "rest_for_one", "dynamic")
}

// AutoShutdown says when the end of significant children ends their supervisor. Without significant
// children it means nothing.
type AutoShutdown uint8

// The choices of OTP; its "never" is not to mark any child significant.
const (
	// the first significant child that ends by itself ends the supervisor
	AnySignificant AutoShutdown = iota
	AllSignificant              // the last one does
)

// Overflow says what a full mailbox does with one message more.
type Overflow uint8

// What a bounded mailbox may do.
const (
	Refuse     Overflow = iota // Send returns ErrMailboxFull
	DropNewest                 // the new message is dropped, with an event
	DropOldest                 // the oldest message makes room, with an event
)

// MailboxPolicy bounds a mailbox. Timers and Down messages always fit.
type MailboxPolicy struct {
	Capacity int // messages; zero: unbounded
	Overflow Overflow
}

// Intensity is how many restarts a supervisor carries out before it gives up: at most Max within
// any period Within. It counts for all children together. The zero value means 3 within 5 s; Max 0
// with a Within means none.
type Intensity struct {
	Max    int
	Within time.Duration
}

// Backoff spreads restarts: before the n-th restart of a child in a row its supervisor waits a
// random time between Min and min(Max, Min*2^(n-1)). A child that has run for Max begins anew. The
// zero value restarts at once.
type Backoff struct {
	Min, Max time.Duration // zero Max: 30 s
}

// ChildSpec describes one child. It belongs to the supervisor once it was handed over and must not
// be changed any more.
type ChildSpec struct {
	ID         string                // unique among its siblings
	New        func(h Heir) Behavior // makes one incarnation; h holds what the previous one kept
	Supervisor *Spec                 // instead of New: a nested supervisor
	Restart    Restart
	// Start bounds New and Init together; zero: 5 s. Shutdown bounds the end of the actor and of its
	// linked goroutines; zero: 5 s; what takes longer is abandoned. Neither is used for a nested
	// supervisor: it takes as long as its children.
	Start       time.Duration
	Shutdown    time.Duration
	Significant bool // see AutoShutdown; not for Permanent
	Mailbox     MailboxPolicy
}

// Spec describes a supervisor. It belongs to the System once it was handed over and must not be
// changed any more.
type Spec struct {
	// of a root supervisor: the first part of every path below it; nested ones go by their
	// ChildSpec.ID
	Name         string
	Strategy     Strategy
	AutoShutdown AutoShutdown
	Intensity    Intensity
	Backoff      Backoff
	Children     []ChildSpec // in start order; empty for Dynamic
}

const defaultPatience = 5 * time.Second

func (cs *ChildSpec) start() time.Duration { return orDefault(cs.Start, defaultPatience) }

func (cs *ChildSpec) shutdown() time.Duration { return orDefault(cs.Shutdown, defaultPatience) }

func orDefault(d, zero time.Duration) time.Duration {
	if d == 0 {
		return zero
	}
	return d
}

func name(i int, names ...string) string {
	if i < len(names) {
		return names[i]
	}
	return "unknown"
}
