package supervisor

import (
	"slices"
	"time"
)

// job is what a supervisor does with several children in order, one after the other. Children that
// take part are marked redo.
type job uint8

const (
	idle       job = iota
	bringUp        // the first start of all children
	takeDown       // stops those that have to be restarted together
	backingOff     // waits before it starts them again
	bringBack      // starts them again
	shutDown       // stops all for good
)

// advance does what can be done now. It is called after every message; what it starts comes back as
// one.
func (s *Supervisor) advance() {
	for {
		before := s.job
		switch s.job {
		case idle, backingOff:
			return
		case takeDown:
			s.stepDown()
		case bringUp, bringBack:
			s.stepUp()
		case shutDown:
			s.stepShut()
		}
		if s.job == before {
			return
		}
	}
}

// stepDown stops the last child of those to be restarted that still runs.
func (s *Supervisor) stepDown() {
	if c := s.lastRunning(); c != nil {
		s.stop(c)
		return
	}
	if s.delay <= 0 {
		s.job = bringBack
		return
	}
	s.job = backingOff
	s.alarm++
	number := s.alarm
	s.timer = time.AfterFunc(s.delay, func() { s.tell(delayed{number: number}) })
}

// stepUp starts the first child of those to be started that does not run.
func (s *Supervisor) stepUp() {
	for _, c := range s.children.order {
		switch {
		case !c.redo:
		case c.phase == up || c.phase == ending || c.phase == down &&
			(c.off || s.job == bringUp && c.reason != nil):
			c.redo = false // done, or crashed since: that is looked at on its own
		case c.phase == down:
			s.start(c)
			return
		default:
			return
		}
	}
	first := s.job == bringUp
	s.job = idle
	if first {
		s.isUp()
	}
	for len(s.later) > 0 && s.job == idle {
		o := s.later[0]
		s.later = slices.Delete(s.later, 0, 1)
		o.do(s, o)
	}
}

// stepShut stops the last child that still runs and ends the supervisor when none does.
func (s *Supervisor) stepShut() {
	if s.spec.Strategy != Dynamic {
		if c := s.lastRunning(); c != nil {
			s.stop(c)
			return
		}
	} else if s.children.len() > 0 { // they were all asked at once
		return
	}
	if s.closings > 0 {
		return
	}
	s.job = idle
	s.sys.forgetRoot(s)
	s.finish(s.reason)
}

// lastRunning returns the last child that takes part and runs.
func (s *Supervisor) lastRunning() *child {
	for _, c := range slices.Backward(s.children.order) {
		if c.redo && c.phase.running() {
			return c
		}
	}
	return nil
}

// stopAll begins the end of the supervisor. From here on nothing is restarted.
func (s *Supervisor) stopAll(reason error) {
	if s.reason != nil {
		return
	}
	s.reason = reason
	s.job = shutDown
	s.alarm++
	if s.timer != nil {
		s.timer.Stop()
	}
	for _, o := range s.later {
		o.answer(nil, ErrShutdown)
	}
	s.later = nil
	for c := range s.children.all() {
		c.redo = true
		switch {
		case !c.phase.running():
			s.disarm(c)
			c.phase = down
			s.retire(c)
		case s.spec.Strategy == Dynamic:
			s.stop(c)
		}
	}
}

// restartTogether begins the restart of c and whoever has to be restarted with it.
func (s *Supervisor) restartTogether(c *child, delay time.Duration) {
	first, end := affected(s.spec.Strategy, slices.Index(s.children.order, c), len(s.children.order))
	for _, sibling := range s.children.order[first:end] {
		sibling.redo = true
	}
	s.alarm++
	if s.timer != nil {
		s.timer.Stop()
	}
	s.delay = delay
	s.job = takeDown
}
