package supervisor

import (
	"strings"
	"time"
)

// closing is the end of what a child has kept and nobody inherits. It happens outside of the
// supervisor's turn.
type closing struct {
	c        *cell
	slots    []slot
	stoppers *order // wait for it
	timer    *time.Timer
	finished chan struct{} // closed after the last Close
	over     bool          // is not waited for any more
}

// discard closes what the child kept and then tells those who wait for the child's end.
func (s *Supervisor) discard(c *child) {
	stoppers := c.stoppers
	c.stoppers = nil
	var slots []slot
	if c.cell != nil {
		slots = c.cell.kept()
	}
	if len(slots) == 0 {
		answerAll(stoppers)
		return
	}
	cl := &closing{c: c.cell, slots: slots, stoppers: stoppers}
	s.closings++
	cl.finished = make(chan struct{})
	cl.timer = time.AfterFunc(c.spec.shutdown(), func() { s.tell(closedAll{of: cl}) })
	go cl.run(s)
}

// run closes one value after the other: started by discard, ends with the last Close, abandoned
// after the child's Shutdown.
func (cl *closing) run(s *Supervisor) {
	for _, sl := range cl.slots {
		done := make(chan struct{})
		go func() { // a Close may end its goroutine
			defer close(done)
			cl.c.closeSlot(sl)
		}()
		<-done
	}
	cl.timer.Stop()
	close(cl.finished)
	s.tell(closedAll{of: cl})
	s.sys.hanging.forget(cl)
}

// hangs says whether a Close has not returned yet.
func (cl *closing) hangs() bool {
	select {
	case <-cl.finished:
		return false
	default:
		return true
	}
}

// closed: everything was closed, or the time for that is over.
func (s *Supervisor) closed(cl *closing) {
	if cl.over {
		return
	}
	cl.over = true
	s.closings--
	answerAll(cl.stoppers)
	if !cl.hangs() {
		return
	}
	keys := make([]string, len(cl.slots))
	for i := range cl.slots {
		keys[i] = cl.slots[i].key
	}
	what := "Close of " + strings.Join(keys, ", ")
	s.sys.hanging.note(cl, cl.c, what)
	s.sys.emit(
		Event{
			Kind:        EventAbandoned,
			Path:        cl.c.path(),
			Incarnation: cl.c.incarnation,
			Reason:      ErrStopTimeout,
			Detail:      what,
		},
	)
}
