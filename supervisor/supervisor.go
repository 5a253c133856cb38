package supervisor

import (
	"context"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Supervisor is one incarnation of a supervisor. It is an actor itself and never waits for a child:
// everything that takes time comes back as a message. All methods may be called from any goroutine,
// but waiting for one's own supervisor from an actor's turn is waiting for oneself.
type Supervisor struct {
	cell
	spec     *Spec
	children children
	window   intensity
	job      job           // what is done in order at the moment
	delay    time.Duration // of the job, before it starts the first child
	alarm    uint32        // number of the timer of delay
	timer    *time.Timer
	reason   error // why it stops; nil: it does not
	later    []*order
	closings int // values of heir slots that are being closed
}

// Messages to a supervisor.
type (
	childUp     struct{ c *cell } // Init has returned
	childEnding struct {          // it ends by itself, and Terminate is about to run
		c      *cell
		reason error
	}
	childDown struct { // it has ended
		c      *cell
		reason error
	}
	alarmed struct { // a deadline has passed, or a backoff
		child  *child
		number uint32
	}
	delayed   struct{ number uint32 } // the backoff of the job has passed
	closedAll struct{ of *closing }   // or it took too long
)

// order is what somebody outside wants from a supervisor. It is carried out in the supervisor's
// turn and answered once.
type order struct {
	do   func(s *Supervisor, o *order)
	out  chan answer
	next *order // that waits for the same
}

func (o *order) answer(v any, err error) {
	select {
	case o.out <- answer{v: v, err: err}:
	default: // answered before
	}
}

// answerAll answers a list of orders.
func answerAll(o *order) {
	for ; o != nil; o = o.next {
		o.answer(nil, nil)
	}
}

func (s *Supervisor) ask(ctx context.Context, do func(s *Supervisor, o *order)) (any, error) {
	o := &order{do: do, out: make(chan answer, 1)}
	if !s.tell(o) {
		return nil, ErrNoProc
	}
	select {
	case a := <-o.out:
		return a.v, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Ref returns the logical name of the supervisor.
func (s *Supervisor) Ref() Ref { return s.ref() }

// Done returns a channel that is closed when the supervisor and everything below it has ended.
func (s *Supervisor) Done() <-chan struct{} { return s.ended() }

// Wait blocks until the supervisor has ended and returns why: nil when it was stopped or shut
// itself down with its significant children, *GaveUpError when children crashed too often.
func (s *Supervisor) Wait() error {
	<-s.Done()
	if orderly(s.reason) {
		return nil
	}
	return s.reason
}

// Stop stops the children in the reverse of their start order, each within its Shutdown, then the
// supervisor, and waits for that. The report names what did not stop and was abandoned. The error
// is ctx's when that ends first; the stop goes on then. It is idempotent.
//
// To its parent a nested supervisor that is stopped so has ended with ErrShutdown, and a permanent
// one is restarted: [Supervisor.TerminateChild] of the parent stops it for good.
func (s *Supervisor) Stop(ctx context.Context) (Report, error) {
	s.tell(stopRequest{})
	var err error
	select {
	case <-s.Done():
	case <-ctx.Done():
		err = fmt.Errorf("stop %s: %w", s.path(), ctx.Err())
	}
	return s.sys.hanging.report(s.path()), err
}

func (s *Supervisor) begin() {
	if s.job != idle || s.at != atBirth || s.reason != nil {
		return
	}
	s.children = newChildren(s.spec)
	for c := range s.children.all() {
		c.redo = true
	}
	s.job = bringUp
	s.advance()
}

// isUp is called when the first start of all children is done.
func (s *Supervisor) isUp() {
	s.setStage(atWork)
	s.sys.emit(Event{Kind: EventStarted, Path: s.path(), Incarnation: s.incarnation})
	if s.parent != nil {
		s.parent.tell(childUp{c: &s.cell})
	} else {
		s.sys.rootUp(s)
	}
	for c := range s.children.all() { // those that crashed while their siblings were still starting
		switch {
		case c.phase != down || c.reason == nil || s.reason != nil:
		case s.job == takeDown && c.redo:
			c.reason = nil // is restarted with another one
		default:
			s.judge(c, c.reason)
		}
	}
}

func (s *Supervisor) receive(msg any, _ *actor.PID) {
	s.sys.emit(
		Event{Kind: EventUnexpected, Path: s.path(), Incarnation: s.incarnation, Detail: typeOf(msg)},
	)
}

func (s *Supervisor) answerable(*call) error { return ErrUnexpected }

func (s *Supervisor) end(reason error) {
	if s.reason == nil {
		s.stopAll(reason)
		s.advance()
	}
}

func (s *Supervisor) command(msg any) {
	switch m := msg.(type) {
	case childUp:
		s.childUp(m.c.rec, m.c)
	case childEnding:
		s.childEnding(m.c.rec, m.c, m.reason)
	case childDown:
		if m.c.rec.cell == m.c {
			s.childDown(m.c.rec, m.reason)
		}
	case alarmed:
		s.alarmed(m.child, m.number)
	case delayed:
		if m.number == s.alarm && s.job == backingOff {
			s.job = bringBack
		}
	case closedAll:
		s.closed(m.of)
	case *order:
		m.do(s, m)
	case stopRequest:
		s.end(ErrShutdown)
		return
	}
	s.advance()
}

// alarmed: a deadline of a child has passed, or its backoff. The number tells whether it is still
// in force.
func (s *Supervisor) alarmed(c *child, number uint32) {
	if number != c.alarm {
		return
	}
	switch c.phase {
	case waiting:
		s.start(c)
	case starting:
		s.abandonChild(c, ErrStartTimeout)
	case ending:
		s.abandonChild(c, c.reason)
	case stopping:
		s.abandonChild(c, ErrStopTimeout)
	case down, up:
	}
}

func (s *Supervisor) abandonChild(c *child, reason error) {
	what, ok := c.cell.abandon(reason)
	if !ok {
		return // its last message is under way
	}
	s.sys.emit(
		Event{
			Kind:        EventAbandoned,
			Path:        c.cell.path(),
			Incarnation: c.cell.incarnation,
			Reason:      reason,
			Detail:      what,
		},
	)
	s.childDown(c, reason)
}

// arm sets the one timer of a child; disarm takes it back.
func (s *Supervisor) arm(c *child, d time.Duration) {
	s.disarm(c)
	number := c.alarm
	c.timer = time.AfterFunc(d, func() { s.tell(alarmed{child: c, number: number}) })
}

func (s *Supervisor) disarm(c *child) {
	c.alarm++
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}
