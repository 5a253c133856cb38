package supervisor

import (
	"strings"
	"time"
)

// closing is the close of the values that a child kept and no incarnation takes over. It runs
// outside of the supervisor's turn.
type closing struct {
	c        *cell
	slots    slots
	waiting  *order // list of orders that wait for it
	timer    *time.Timer
	finished chan struct{} // closed after the last Close
	answered bool          // the supervisor no longer waits for it
}

// closeKept closes what the child kept, within its Shutdown, and then answers the orders that wait
// for the stop of the child.
func (s *Supervisor) closeKept(now time.Duration, c *child, waiting *order) {
	var kept slots
	if c.cell != nil {
		kept = c.cell.takeKept()
	}
	if len(kept) == 0 {
		waiting.answerAll()
		s.core.keptClosed(now)
		return
	}
	cl := &closing{c: c.cell, slots: kept, waiting: waiting, finished: make(chan struct{})}
	cl.timer = time.AfterFunc(c.spec.stopWithin(), func() { s.cell.tell(keptClosed{of: cl}) })
	go cl.closeAll(s)
}

// closeAll closes one value after the other. closeKept starts it; it returns after the last Close,
// and is abandoned after the child's Shutdown.
func (cl *closing) closeAll(s *Supervisor) {
	for _, sl := range cl.slots {
		done := make(chan struct{})
		go func() { // one each, because a Close may call Goexit
			defer close(done)
			cl.c.closeSlot(sl)
		}()
		<-done
	}
	cl.timer.Stop()
	close(cl.finished)
	s.cell.tell(keptClosed{of: cl})
	s.cell.sys.abandonments.remove(cl)
}

// hangs reports whether a Close has not returned yet.
func (cl *closing) hangs() bool {
	select {
	case <-cl.finished:
		return false
	default:
		return true
	}
}

// keptClosed handles the last Close, or the end of the time for it, whichever comes first.
func (s *Supervisor) keptClosed(now time.Duration, cl *closing) {
	if cl.answered {
		return
	}
	cl.answered = true
	cl.waiting.answerAll()
	if cl.hangs() {
		keys := make([]string, len(cl.slots))
		for i := range cl.slots {
			keys[i] = cl.slots[i].key
		}
		what := "Close of " + strings.Join(keys, ", ")
		s.cell.sys.abandonments.add(cl, cl.c, what)
		cl.c.emit(Event{Kind: EventAbandoned, Reason: ErrStopTimeout, Detail: what})
	}
	s.core.keptClosed(now)
}
