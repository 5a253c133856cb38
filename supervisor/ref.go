package supervisor

import "github.com/asynkron/protoactor-go/actor"

// Ref is the logical name of an actor or supervisor. It may be made before the actor exists and
// outlives its crashes: every Send finds the incarnation that lives then. Refs are comparable; two
// to the same path of one System are equal. The zero Ref is nobody.
type Ref struct {
	sys  *System
	path string
}

// Path returns the path, like "device-x/link/connection".
func (r Ref) Path() string { return r.path }

// String implements fmt.Stringer.
func (r Ref) String() string { return r.path }

// Send puts msg into the mailbox of the living incarnation and returns at once. ErrNoProc: nobody
// lives under the name, or it is ending; ErrMailboxFull by the policy of its mailbox;
// ErrNilMessage. A message that was taken may still be lost with a crash.
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

// Alive says whether somebody lives under the name, be it still in Init.
func (r Ref) Alive() bool { return r.cell() != nil }

// PID returns the process ID of the living incarnation, for actors of the embedder's that talk to
// it through protoactor; their requests are answered with [Ctx.Reply]. It never reaches a later
// incarnation.
func (r Ref) PID() (*actor.PID, bool) {
	c := r.cell()
	if c == nil {
		return nil, false
	}
	return c.pid(), true
}

func (r Ref) cell() *cell {
	if r.sys == nil {
		return nil
	}
	return r.sys.names.get(r.path)
}
