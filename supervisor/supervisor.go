package supervisor

import (
	"context"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Supervisor is one running incarnation of a supervisor. Any goroutine may call its methods. An
// actor must not wait in its turn for a supervisor above it, which may be waiting for that turn.
type Supervisor struct {
	cell  cell
	core  core
	timer *time.Timer // that core.alarm counts
}

// Ref returns the logical name of the supervisor.
func (s *Supervisor) Ref() Ref { return s.cell.ref() }

// Done returns a channel that is closed when the supervisor and everything below it has exited.
func (s *Supervisor) Done() <-chan struct{} { return s.cell.done() }

// Wait blocks until the supervisor has exited and returns the reason: nil when it was stopped or
// has shut itself down with its significant children, a *GaveUpError when children crashed too
// often.
func (s *Supervisor) Wait() error {
	<-s.Done()
	if orderly(s.core.reason) {
		return nil
	}
	return s.core.reason
}

// Stop stops the children in the reverse of their start order, each within its Shutdown, then the
// supervisor, and waits for that. The report names what did not stop and was abandoned. If ctx ends
// first, Stop returns ctx's error and the stop goes on. Stop may be called again.
//
// A parent sees a nested supervisor that is stopped so as one that has exited with ErrShutdown, and
// restarts a permanent one: [Supervisor.TerminateChild] of the parent stops it for good.
func (s *Supervisor) Stop(ctx context.Context) (Report, error) {
	s.cell.tell(stopRequest{})
	var err error
	select {
	case <-s.Done():
	case <-ctx.Done():
		err = fmt.Errorf("stop %s: %w", s.cell.path(), ctx.Err())
	}
	return s.cell.sys.abandonments.report(s.cell.path()), err
}

// Control messages to a supervisor, besides *order and stopRequest.
type (
	childUp      struct{ c *cell } // Init has succeeded
	childExiting struct {          // it exits by itself, and Terminate is about to run
		c      *cell
		reason error
	}
	childExited struct {
		c      *cell
		reason error
	}
	alarmed struct { // a timer has fired
		child  *child // nil: that of the supervisor
		number alarm
	}
	keptClosed struct{ of *closing } // or it has taken too long
)

func (s *Supervisor) begin() {
	if s.cell.mailbox.life.stage == inInit {
		s.core.out = s.cell.sys.borrow()
		now := s.cell.sys.age()
		s.core.begin(now)
		s.carryOut(now)
	}
}

func (s *Supervisor) receive(msg any, _ *actor.PID) {
	s.cell.emit(Event{Kind: EventUnexpected, Detail: typeOf(msg)})
}

func (s *Supervisor) answerable(*call) error { return ErrUnexpected }

func (s *Supervisor) stop(reason error) {
	if s.core.reason != nil {
		return // also when its own exit tells protoactor to stop the process
	}
	s.core.out = s.cell.sys.borrow()
	now := s.cell.sys.age()
	s.core.stop(now, reason)
	s.carryOut(now)
}

// command passes one control message to the core. It drops news of an incarnation that has been
// replaced.
func (s *Supervisor) command(msg any) {
	now := s.cell.sys.age()
	s.core.out = s.cell.sys.borrow()
	switch m := msg.(type) {
	case childUp:
		if c := m.c.rec; c.cell == m.c {
			s.core.childUp(now, c)
		}
	case childExiting:
		if c := m.c.rec; c.cell == m.c {
			s.core.childExiting(c, m.reason)
		}
	case childExited:
		if c := m.c.rec; c.cell == m.c {
			s.core.childExited(now, c, m.reason)
		}
	case alarmed:
		s.core.alarmed(now, m.child, m.number)
	case keptClosed:
		s.keptClosed(now, m.of)
	case stopRequest:
		s.core.stop(now, ErrShutdown)
	case *order:
		if m.act == inspect {
			m.answer(m.query(s), nil)
		} else {
			s.core.ask(now, m)
		}
	}
	s.carryOut(now)
}

// carryOut carries out the effects of the core, in order, also those that follow from them.
func (s *Supervisor) carryOut(now time.Duration) {
	out := s.core.out
	for i := 0; i < len(out.list); i++ {
		s.do(now, out.list[i])
	}
	s.core.out = nil
	s.cell.sys.giveBack(out)
}

func (s *Supervisor) do(now time.Duration, e effect) {
	c := e.child
	switch e.kind {
	case effectStart:
		s.startChild(c)
	case effectStop:
		c.cell.tell(stopRequest{})
		c.cell.cancelContext()
	case effectArm:
		s.arm(c, e.number, e.delay)
	case effectDisarm:
		s.disarm(c)
	case effectAbandon:
		s.abandonChild(now, c, e.err)
	case effectClose:
		s.closeKept(now, c, e.order)
	case effectAnswer:
		if c != nil {
			e.order.answer(c.cell.ref(), nil)
		} else {
			e.order.answer(nil, e.err)
		}
	case effectUp:
		s.isUp()
	case effectRestarting:
		c.cell.emit(Event{
			Kind: EventRestarting, Reason: e.err, Restarts: int(c.restarts), Delay: e.delay,
		})
	case effectGaveUp:
		s.cell.emit(Event{Kind: EventGaveUp, Reason: e.err})
	case effectExit:
		s.cell.sys.removeRoot(s)
		s.cell.completeExit(e.err)
	}
}

// isUp tells the parent, or the caller of System.Start, that every child has been started.
func (s *Supervisor) isUp() {
	s.cell.mailbox.enter(inReceive)
	s.cell.emit(Event{Kind: EventStarted})
	if s.cell.parent != nil {
		s.cell.parent.cell.tell(childUp{c: &s.cell})
	} else {
		s.cell.sys.rootUp(s)
	}
}

// startChild makes and launches the next incarnation of a child.
func (s *Supervisor) startChild(c *child) {
	previous := c.cell
	c.cell = s.cell.sys.newChild(s, c)
	if previous != nil {
		c.cell.offer(previous.takeKept())
	}
	if err := s.cell.sys.launch(c.cell); err != nil {
		s.cell.tell(childExited{c: c.cell, reason: &StartError{Path: c.cell.path(), Err: err}})
	}
}

// abandonChild abandons a child that has missed its deadline, unless it has just exited and its
// last message is under way.
func (s *Supervisor) abandonChild(now time.Duration, c *child, reason error) {
	what, ok := c.cell.abandon(reason)
	if !ok {
		return
	}
	c.cell.emit(Event{Kind: EventAbandoned, Reason: reason, Detail: what})
	s.core.childExited(now, c, reason)
}

// timerOf returns the one timer of a child, or that of the supervisor.
func (s *Supervisor) timerOf(c *child) **time.Timer {
	if c == nil {
		return &s.timer
	}
	return &c.timer
}

func (s *Supervisor) arm(c *child, number alarm, d time.Duration) {
	s.disarm(c)
	*s.timerOf(c) = time.AfterFunc(d, func() { s.cell.tell(alarmed{child: c, number: number}) })
}

func (s *Supervisor) disarm(c *child) {
	if t := s.timerOf(c); *t != nil {
		(*t).Stop()
		*t = nil
	}
}
