package supervisor

import (
	"errors"
	"fmt"
	"time"
)

// start makes a new incarnation of a child that is down.
func (s *Supervisor) start(c *child) {
	s.disarm(c)
	c.phase, c.off, c.reason = starting, false, nil
	before := c.cell
	c.cell = s.sys.newChild(s, c)
	if before != nil {
		c.cell.offer(before.kept())
	}
	if c.spec.Supervisor == nil {
		s.arm(c, c.spec.start())
	}
	if err := s.sys.launch(c.cell); err != nil {
		s.tell(childDown{c: c.cell, reason: &StartError{Path: c.cell.path(), Err: err}})
	}
}

// stop asks a child to stop, once. A nested supervisor takes as long as its children.
func (s *Supervisor) stop(c *child) {
	if c.phase == ending || c.phase == stopping {
		return
	}
	c.phase = stopping
	s.disarm(c)
	if c.spec.Supervisor == nil {
		s.arm(c, c.spec.shutdown())
	}
	c.cell.tell(stopRequest{})
	c.cell.stopping()
}

func (s *Supervisor) childUp(c *child, cl *cell) {
	if c.cell != cl || c.phase != starting {
		return
	}
	s.disarm(c)
	c.phase, c.fresh, c.upSince = up, false, s.sys.age()
	if o := c.starter; o != nil {
		c.starter = nil
		o.answer(cl.ref(), nil)
	}
}

// childEnding: Shutdown bounds the end of a child also when it ends by itself.
func (s *Supervisor) childEnding(c *child, cl *cell, reason error) {
	if c.cell != cl || c.phase != up {
		return // it was asked to, or does not start, or was abandoned
	}
	c.phase, c.reason = ending, reason
	s.arm(c, c.spec.shutdown())
}

// childDown: a child has ended, or is no longer waited for.
func (s *Supervisor) childDown(c *child, reason error) {
	was := c.phase
	if !was.running() {
		return // it was abandoned
	}
	s.disarm(c)
	c.phase, c.reason = down, nil
	switch {
	case s.reason != nil:
		s.retire(c)
	case was == stopping || c.off || s.job == takeDown && c.redo:
		s.stopped(c)
	case was == starting:
		s.startFailed(c, reason)
	case s.job == bringUp:
		c.reason = reason // comes up again when all have been started
	default:
		s.judge(c, reason)
	}
}

// stopped: a child is down because somebody wanted it down.
func (s *Supervisor) stopped(c *child) {
	if c.spec.Restart == Temporary || c.off && s.spec.Strategy == Dynamic {
		s.retire(c)
		return
	}
	if c.starter != nil && (c.off || !c.redo) { // else it is started again
		c.starter.answer(nil, &StartError{Path: c.cell.path(), Err: ErrShutdown})
		c.starter = nil
	}
	answerAll(c.stoppers)
	c.stoppers = nil
}

// startFailed: in the first start that is the end of the supervisor, by hand it is the answer, in a
// restart it is one more crash.
func (s *Supervisor) startFailed(c *child, reason error) {
	switch o := c.starter; {
	case o != nil:
		c.starter = nil
		o.answer(nil, startError(c.cell.path(), reason))
		if c.fresh {
			s.retire(c)
		}
	case s.job == bringUp:
		s.stopAll(startError(c.cell.path(), reason))
	default:
		s.restart(c, reason)
	}
}

// startError says that the actor at path did not start, unless reason says already which one below
// it did not.
func startError(path string, reason error) error {
	var e *StartError
	if errors.As(reason, &e) {
		return reason
	}
	return &StartError{Path: path, Err: reason}
}

// judge decides what becomes of a child that has ended by itself.
func (s *Supervisor) judge(c *child, reason error) {
	c.reason = nil
	switch judge(c.spec.Restart, reason) {
	case restart:
		s.restart(c, reason)
	case keep:
		s.discard(c)
		s.autoShutdown(c)
	case forget:
		s.retire(c)
		s.autoShutdown(c)
	}
}

// restart counts a crash and arranges the restart, unless it is one too many.
func (s *Supervisor) restart(c *child, reason error) {
	if !s.window.allow(time.Now()) {
		limit := s.window.limit
		gaveUp := &GaveUpError{
			Path:   s.path(),
			Child:  c.spec.ID,
			Max:    limit.Max,
			Within: limit.Within,
			Reason: reason,
		}
		s.sys.emit(
			Event{
				Kind:        EventGaveUp,
				Path:        s.path(),
				Incarnation: s.incarnation,
				Reason:      gaveUp,
				Stack:       stackOf(reason),
			},
		)
		s.stopAll(gaveUp)
		return
	}
	if c.upSince > 0 && s.sys.age()-c.upSince >= s.spec.Backoff.max() {
		c.streak = 0
	}
	c.streak++
	c.restarts++
	c.upSince = 0
	delay := s.sys.jitter(s.spec.Backoff, c.streak)
	s.sys.emit(Event{
		Kind: EventRestarting, Path: c.cell.path(), Incarnation: c.cell.incarnation, Reason: reason,
		Restarts: int(c.restarts), Delay: delay,
	})
	switch {
	case s.spec.Strategy == OneForAll || s.spec.Strategy == RestForOne:
		s.restartTogether(c, delay)
	case delay > 0:
		c.phase = waiting
		s.arm(c, delay)
	default:
		s.start(c)
	}
}

// autoShutdown ends the supervisor when the end of a significant child says so.
func (s *Supervisor) autoShutdown(ended *child) {
	if !ended.spec.Significant {
		return
	}
	if s.spec.AutoShutdown == AllSignificant {
		for c := range s.children.all() {
			if c != ended && c.spec.Significant && c.phase != down {
				return
			}
		}
	}
	s.stopAll(ErrShutdown)
}

// retire forgets a child that is down, but for a child of a static list in a supervisor that ends,
// which nobody looks at again.
func (s *Supervisor) retire(c *child) {
	if s.reason == nil || s.spec.Strategy == Dynamic {
		s.children.remove(c)
	}
	if o := c.starter; o != nil {
		c.starter = nil
		o.answer(nil, &StartError{Path: c.cell.path(), Err: ErrShutdown})
	}
	s.discard(c)
}

func childOf(s *Supervisor, what, id string, err error) error {
	return fmt.Errorf("%s %s of %s: %w", what, id, s.path(), err)
}
