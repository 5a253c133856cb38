package supervisor

import (
	"slices"
	"time"
)

// job is what a supervisor does with several children, one after the other. The children that take
// part are marked redo.
type job uint8

const (
	idle       job = iota
	bringUp        // the first start of all children
	takeDown       // stops those that are restarted together
	backingOff     // waits before it starts them again
	bringBack      // starts them again
	shutDown       // stops all for good
)

// String returns the name of the job, for transcripts.
func (j job) String() string {
	return nameOf(int(j), "idle", "bring up", "take down", "back off", "bring back", "shut down")
}

// advance carries the job on as far as it goes now. The core calls it after every input; what it
// starts or stops comes back as an input.
func (k *core) advance(now time.Duration) {
	for {
		before := k.job
		switch k.job {
		case idle, backingOff:
			return
		case takeDown:
			k.stopNext()
		case bringUp, bringBack:
			k.startNext(now)
		case shutDown:
			k.stopLast()
		}
		if k.job == before {
			return
		}
	}
}

// stopNext stops the last running child that takes part. When none runs, the job waits for its
// backoff or starts the children again.
func (k *core) stopNext() {
	if c := k.children.lastRunning(); c != nil {
		k.stopOne(c)
		return
	}
	if k.delay <= 0 {
		k.job = bringBack
		return
	}
	k.job = backingOff
	k.out.arm(nil, &k.alarm, k.delay)
}

// startNext starts the first child that takes part and does not run. When all run, the job is done
// and the postponed orders follow.
func (k *core) startNext(now time.Duration) {
	switch c, wait := k.children.firstToStart(k.job); {
	case c != nil:
		k.start(c)
		return
	case wait:
		return
	}
	first := k.job == bringUp
	k.job = idle
	if first {
		k.isUp(now)
	}
	for k.later != nil && k.job == idle {
		o := k.later
		k.later, o.next = o.next, nil
		k.ask(now, o)
	}
}

// stopLast stops the last running child. When none runs and nothing is being closed, the supervisor
// exits. Children of a dynamic supervisor have all been asked to stop at once.
func (k *core) stopLast() {
	if k.spec.Strategy != Dynamic {
		if c := k.children.lastRunning(); c != nil {
			k.stopOne(c)
			return
		}
	} else if k.children.len() > 0 {
		return
	}
	if k.closings > 0 {
		return
	}
	k.job = idle
	k.out.emit(effect{kind: effectExit, err: k.reason})
}

// lastRunning returns the last child that takes part in the job and runs, or nil.
func (cs *children) lastRunning() *child {
	for _, c := range slices.Backward(cs.order) {
		if c.redo && c.phase.running() {
			return c
		}
	}
	return nil
}

// firstToStart returns the first child that the job j has to start now, or nil. wait reports
// whether an earlier child is still starting or stopping. Children that are up are marked as done;
// so is one that has exited during bringUp, which is judged later.
func (cs *children) firstToStart(j job) (next *child, wait bool) {
	for _, c := range cs.order {
		switch {
		case !c.redo:
		case c.phase == up || c.phase == exiting:
			c.redo = false
		case c.phase == down && (c.off || j == bringUp && c.reason != nil):
			c.redo = false
		case c.phase == down:
			return c, false
		default:
			return nil, true
		}
	}
	return nil, false
}
