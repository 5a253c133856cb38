package supervisor

import "github.com/asynkron/protoactor-go/actor"

// Ref is the logical name of an actor or supervisor. It may be made before the actor exists and
// outlives its crashes: every Send finds the incarnation that is alive at that moment. Refs are
// comparable: two Refs to the same path of one System are equal. The zero Ref names no actor.
type Ref struct {
	sys  *System
	path string
}

// Path returns the path, like "device-x/link/connection".
func (r Ref) Path() string { return r.path }

// String implements fmt.Stringer.
func (r Ref) String() string { return r.path }

// Send puts msg into the mailbox of the living incarnation and returns at once. It fails with
// ErrNoProc when no incarnation is alive or it is exiting, with ErrMailboxFull when the policy of
// its mailbox says so, and with ErrNilMessage. A message in the mailbox is lost when the actor
// exits before it has handled it.
func (r Ref) Send(msg any) error {
	if msg == nil {
		return ErrNilMessage
	}
	c := r.cell()
	if c == nil {
		return ErrNoProc
	}
	return c.post(msg)
}

// Alive reports whether an incarnation is alive under the name, also while it is still in Init.
func (r Ref) Alive() bool { return r.cell() != nil }

// PID returns the protoactor PID of the living incarnation, or false. Actors that the embedder runs
// on protoactor send to it and get replies from [Ctx.Reply]. A PID never reaches a later
// incarnation.
func (r Ref) PID() (*actor.PID, bool) {
	c := r.cell()
	if c == nil {
		return nil, false
	}
	return c.pid(), true
}

// cell returns the living incarnation, or nil.
func (r Ref) cell() *cell {
	if r.sys == nil {
		return nil
	}
	return r.sys.names.get(r.path)
}
