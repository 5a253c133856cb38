package supervisor

import (
	"iter"
	"slices"
	"time"
)

// child is what a supervisor knows of one child. The core owns all fields but cell and timer, which
// only the supervisor's actor uses.
type child struct {
	spec  *ChildSpec
	cell  *cell       // of the last incarnation, which holds what it kept for the next one
	timer *time.Timer // that alarm counts

	alarm    alarm
	streak   uint32 // restarts in a row
	restarts int32  // restarts altogether
	phase    phase
	off      bool          // stopped by TerminateChild: only an order starts it again
	redo     bool          // takes part in the job
	fresh    bool          // from StartChild, has not been up yet
	upSince  time.Duration // age of the System when it came up; 0: it has not since its last crash
	reason   error         // why it exits
	starter  *order        // waits for its Init
	stoppers *order        // wait until it is down: list
}

// phase of a child.
type phase uint8

const (
	down     phase = iota // not running
	waiting               // not running; a restart follows after the backoff
	starting              // Init is running
	up                    // Init has succeeded
	exiting               // exits by itself: Terminate is running
	stopping              // was asked to stop
)

func (p phase) running() bool { return p >= starting }

// notDown returns why the child cannot be started or deleted by an order, or nil.
func (c *child) notDown() error {
	switch {
	case c.phase == up || c.phase == exiting || c.phase == stopping:
		return ErrRunning
	case c.phase != down || c.redo && !c.off || c.reason != nil:
		return ErrRestarting
	default:
		return nil
	}
}

// state returns the state of the child. leaving reports whether its supervisor stops.
func (c *child) state(leaving bool) ChildState {
	switch {
	case c.phase == up:
		return StateRunning
	case c.phase == starting:
		return StateStarting
	case c.phase == exiting || c.phase == stopping:
		return StateStopping
	case c.phase == waiting || !leaving && (c.redo && !c.off || c.reason != nil):
		return StateRestarting
	default:
		return StateDown
	}
}

// children of one supervisor: in start order, or, if the supervisor is dynamic, by ID.
type children struct {
	order []*child
	byID  map[string]*child // not nil: instead of order
}

func newChildren(spec *Spec) children {
	if spec.Strategy == Dynamic {
		return children{byID: map[string]*child{}}
	}
	all := make([]child, len(spec.Children))
	order := make([]*child, len(all))
	for i := range all {
		all[i].spec = &spec.Children[i]
		order[i] = &all[i]
	}
	return children{order: order}
}

func (cs *children) len() int { return len(cs.order) + len(cs.byID) }

// find returns the child with the ID, or nil.
func (cs *children) find(id string) *child {
	if cs.byID != nil {
		return cs.byID[id]
	}
	for _, c := range cs.order {
		if c.spec.ID == id {
			return c
		}
	}
	return nil
}

func (cs *children) add(c *child) {
	if cs.byID != nil {
		cs.byID[c.spec.ID] = c
		return
	}
	cs.order = append(cs.order, c)
}

func (cs *children) remove(c *child) {
	if cs.byID != nil {
		delete(cs.byID, c.spec.ID)
		return
	}
	if i := slices.Index(cs.order, c); i >= 0 {
		cs.order = slices.Delete(cs.order, i, i+1)
	}
}

// all visits every child, in start order if there is one. The loop body may remove the child that
// it is at.
func (cs *children) all() iter.Seq[*child] {
	return func(yield func(*child) bool) {
		for _, c := range cs.byID {
			if !yield(c) {
				return
			}
		}
		for _, c := range slices.Clone(cs.order) {
			if !yield(c) {
				return
			}
		}
	}
}
