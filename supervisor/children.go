package supervisor

import (
	"iter"
	"slices"
	"time"
)

// child is what a supervisor knows of one child.
type child struct {
	spec     *ChildSpec
	cell     *cell       // of its last incarnation, which holds what it kept until somebody inherits
	timer    *time.Timer // of the deadline or backoff in force
	alarm    uint32      // number of that timer
	streak   uint32      // restarts in a row
	restarts int32       // ever
	phase    phase
	off      bool          // stopped by hand: nothing but a hand starts it again
	redo     bool          // is being restarted together with others
	fresh    bool          // from StartChild, was not up yet
	upSince  time.Duration // since the start of the System
	reason   error         // why it is ending
	starter  *order        // StartChild or RestartChild waits for Init
	stoppers *order        // TerminateChild and DeleteChild wait for the end: list
}

// phase of a child.
type phase uint8

const (
	down     phase = iota // not running
	waiting               // not running, will be restarted after its backoff
	starting              // Init is running
	up                    // at work
	ending                // ends by itself: Terminate is running
	stopping              // was asked to stop
)

func (p phase) running() bool { return p >= starting }

// children of one supervisor: in start order, or, when they are very many and independent of each
// other, by ID.
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

// all visits every child, in start order if there is one. The visitor may remove the child that it
// is at.
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
