package supervisor

import (
	"context"
	"fmt"
)

// StartChild adds a child as the last one, starts it, and returns its Ref when its Init has
// succeeded. It fails with ErrAlreadyStarted or ErrAlreadyPresent when a child with the ID runs or
// is down, with a *StartError when the child did not start, which removes it again, with
// ErrShutdown when the supervisor is stopping, and with ErrNoProc when it has exited. If ctx ends
// first, StartChild returns ctx's error and the start goes on.
func (s *Supervisor) StartChild(ctx context.Context, cs ChildSpec) (Ref, error) {
	if err := cs.validate(s.cell.path(), 1); err != nil {
		return Ref{}, err
	}
	v, err := s.ask(ctx, order{act: startChild, id: cs.ID, spec: &cs})
	if err != nil {
		return Ref{}, s.refusal("start child", cs.ID, err)
	}
	ref, _ := v.(Ref)
	return ref, nil
}

// TerminateChild stops a child and everything below it, and returns when it has exited or was
// abandoned. The child stays down until RestartChild or DeleteChild; a temporary child and a child
// of a dynamic supervisor are removed. It fails with ErrNotFound when there is no child with the
// ID.
func (s *Supervisor) TerminateChild(ctx context.Context, id string) error {
	_, err := s.ask(ctx, order{act: terminateChild, id: id})
	if err != nil {
		return s.refusal("terminate child", id, err)
	}
	return nil
}

// RestartChild starts a child that is down, and returns its Ref when its Init has succeeded. It
// fails with ErrNotFound, with ErrRunning, with ErrRestarting when the supervisor is about to start
// the child anyway, and with a *StartError when the child did not start and is down again.
func (s *Supervisor) RestartChild(ctx context.Context, id string) (Ref, error) {
	v, err := s.ask(ctx, order{act: restartChild, id: id})
	if err != nil {
		return Ref{}, s.refusal("restart child", id, err)
	}
	ref, _ := v.(Ref)
	return ref, nil
}

// DeleteChild removes a child that is down. It fails with ErrNotFound, and with ErrRunning or
// ErrRestarting when TerminateChild has to come first.
func (s *Supervisor) DeleteChild(ctx context.Context, id string) error {
	_, err := s.ask(ctx, order{act: deleteChild, id: id})
	if err != nil {
		return s.refusal("delete child", id, err)
	}
	return nil
}

// ChildState is what a child is doing.
type ChildState uint8

// The states of a child.
const (
	// StateDown means that it is not running, and only RestartChild or the restart of a sibling starts
	// it.
	StateDown ChildState = iota
	// StateRestarting means that it is not running, and its supervisor is about to start it.
	StateRestarting
	// StateStarting means that its Init is running.
	StateStarting
	// StateRunning means that its Init has succeeded.
	StateRunning
	// StateStopping means that its Terminate is running, or is about to.
	StateStopping
)

// String returns the name of the state.
func (s ChildState) String() string {
	return nameOf(int(s), "down", "restarting", "starting", "running", "stopping")
}

// ChildInfo describes one child of a supervisor at one moment.
type ChildInfo struct {
	ID          string
	Ref         Ref
	Supervisor  bool
	Restart     Restart
	State       ChildState
	Incarnation uint64 // the living or last one; 0: there was none
	Restarts    int    // after crashes, in this incarnation of the supervisor
}

// WhichChildren returns the children in start order, or in no order if the supervisor is dynamic.
func (s *Supervisor) WhichChildren(ctx context.Context) ([]ChildInfo, error) {
	v, err := s.ask(ctx, order{query: func(s *Supervisor) any {
		infos := make([]ChildInfo, 0, s.core.children.len())
		for c := range s.core.children.all() {
			infos = append(infos, s.info(c))
		}
		return infos
	}})
	if err != nil {
		return nil, s.refusal("list", "children", err)
	}
	infos, _ := v.([]ChildInfo)
	return infos, nil
}

func (s *Supervisor) info(c *child) ChildInfo {
	i := ChildInfo{
		ID: c.spec.ID, Ref: Ref{sys: s.cell.sys, path: s.cell.below(c.spec.ID)},
		Supervisor: c.spec.Supervisor != nil, Restart: c.spec.Restart, Restarts: int(c.restarts),
		State: c.state(s.core.reason != nil),
	}
	if c.cell != nil {
		i.Incarnation = c.cell.incarnation()
	}
	return i
}

// Counts is how many children a supervisor has.
type Counts struct {
	Specs       int // all children
	Active      int // those that run
	Supervisors int // those that are supervisors
	Workers     int // those that are actors
}

// CountChildren counts the children.
func (s *Supervisor) CountChildren(ctx context.Context) (Counts, error) {
	v, err := s.ask(ctx, order{query: func(s *Supervisor) any {
		var n Counts
		for c := range s.core.children.all() {
			n.Specs++
			if c.phase.running() {
				n.Active++
			}
			if c.spec.Supervisor != nil {
				n.Supervisors++
			} else {
				n.Workers++
			}
		}
		return n
	}})
	if err != nil {
		return Counts{}, s.refusal("count", "children", err)
	}
	n, _ := v.(Counts)
	return n, nil
}

// order is what a caller outside wants from a supervisor. It is answered once.
type order struct {
	act   act
	id    string                  // of the child
	spec  *ChildSpec              // startChild
	query func(s *Supervisor) any // inspect: runs in the supervisor's turn
	out   chan answer
	next  *order // in a list of orders that wait for the same
}

// act is what an order asks for.
type act uint8

const (
	inspect act = iota // it asks for a query, which is no matter of the core
	startChild
	terminateChild
	restartChild
	deleteChild
)

// answer answers the order. Further answers have no effect.
func (o *order) answer(v any, err error) {
	select {
	case o.out <- answer{v: v, err: err}:
	default:
	}
}

// answerAll answers a list of orders, which may be empty.
func (o *order) answerAll() {
	for ; o != nil; o = o.next {
		o.answer(nil, nil)
	}
}

// ask sends o to the supervisor and waits for the answer.
func (s *Supervisor) ask(ctx context.Context, o order) (any, error) {
	o.out = make(chan answer, 1)
	if !s.cell.tell(&o) {
		return nil, ErrNoProc
	}
	select {
	case a := <-o.out:
		return a.v, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// refusal returns err with what was asked for.
func (s *Supervisor) refusal(what, id string, err error) error {
	return fmt.Errorf("%s %s of %s: %w", what, id, s.cell.path(), err)
}
