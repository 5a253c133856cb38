package supervisor

import (
	"context"
)

// StartChild adds a child as the last one and starts it; the Ref comes when its Init has returned.
// ErrAlreadyStarted and ErrAlreadyPresent: the ID is taken by a child that runs, or does not;
// *StartError: it did not start, and is forgotten; ErrShutdown: the supervisor is stopping;
// ErrNoProc: it has ended; ctx's error: nobody waits for the start any more, but it goes on.
func (s *Supervisor) StartChild(ctx context.Context, cs ChildSpec) (Ref, error) {
	if err := cs.validate(s.path(), 1); err != nil {
		return Ref{}, err
	}
	v, err := s.ask(ctx, func(s *Supervisor, o *order) { s.add(&cs, o) })
	if err != nil {
		return Ref{}, childOf(s, "start child", cs.ID, err)
	}
	ref, _ := v.(Ref)
	return ref, nil
}

func (s *Supervisor) add(cs *ChildSpec, o *order) {
	if s.refuses(o) {
		return
	}
	if c := s.children.find(cs.ID); c != nil {
		if c.phase == down && !c.redo {
			o.answer(nil, ErrAlreadyPresent)
		} else {
			o.answer(nil, ErrAlreadyStarted)
		}
		return
	}
	if s.postpones(o) {
		return
	}
	c := &child{spec: cs, starter: o, fresh: true}
	s.children.add(c)
	s.start(c)
}

// TerminateChild stops a child and everything below it, and returns when it has ended or was
// abandoned. It is not restarted, but RestartChild can do that; a temporary child and one of a
// dynamic supervisor is forgotten. ErrNotFound: there is none with the ID.
func (s *Supervisor) TerminateChild(ctx context.Context, id string) error {
	_, err := s.ask(ctx, func(s *Supervisor, o *order) {
		if c := s.found(id, o); c != nil {
			s.terminate(c, o)
		}
	})
	if err != nil {
		return childOf(s, "terminate child", id, err)
	}
	return nil
}

func (s *Supervisor) terminate(c *child, o *order) {
	c.off = true
	o.next, c.stoppers = c.stoppers, o
	if c.phase.running() {
		s.stop(c)
		return
	}
	s.disarm(c)
	c.phase, c.reason = down, nil
	s.stopped(c)
}

// RestartChild starts a child again that is not running, and returns when its Init has.
// ErrNotFound; ErrRunning; ErrRestarting: it is about to run anyway; *StartError: it did not start
// and stays as it was.
func (s *Supervisor) RestartChild(ctx context.Context, id string) (Ref, error) {
	v, err := s.ask(ctx, func(s *Supervisor, o *order) { s.revive(id, o) })
	if err != nil {
		return Ref{}, childOf(s, "restart child", id, err)
	}
	ref, _ := v.(Ref)
	return ref, nil
}

func (s *Supervisor) revive(id string, o *order) {
	c := s.found(id, o)
	if c == nil || s.busy(c, o) || s.postpones(o) {
		return
	}
	c.starter = o
	s.start(c)
}

// DeleteChild forgets a child that is not running. ErrNotFound; ErrRunning and ErrRestarting:
// TerminateChild it first.
func (s *Supervisor) DeleteChild(ctx context.Context, id string) error {
	_, err := s.ask(ctx, func(s *Supervisor, o *order) {
		c := s.found(id, o)
		if c == nil || s.busy(c, o) {
			return
		}
		o.next, c.stoppers = c.stoppers, o // answered when what it kept is closed
		s.retire(c)
	})
	if err != nil {
		return childOf(s, "delete child", id, err)
	}
	return nil
}

// refuses answers an order that comes too late.
func (s *Supervisor) refuses(o *order) bool {
	if s.reason == nil {
		return false
	}
	o.answer(nil, ErrShutdown)
	return true
}

// postpones puts an order off while children are being stopped and started in order.
func (s *Supervisor) postpones(o *order) bool {
	if s.job == idle {
		return false
	}
	s.later = append(s.later, o)
	return true
}

// found returns the child with the ID, or answers.
func (s *Supervisor) found(id string, o *order) *child {
	if s.refuses(o) {
		return nil
	}
	c := s.children.find(id)
	if c == nil {
		o.answer(nil, ErrNotFound)
	}
	return c
}

// busy answers when the child is not down.
func (s *Supervisor) busy(c *child, o *order) bool {
	switch {
	case c.phase == up || c.phase == ending || c.phase == stopping:
		o.answer(nil, ErrRunning)
	case c.phase != down || c.redo && !c.off || c.reason != nil:
		o.answer(nil, ErrRestarting)
	default:
		return false
	}
	return true
}

// ChildState says what a child is doing.
type ChildState uint8

// The states of a child.
const (
	// not running, and nothing will start it but RestartChild or the restart of a sibling
	StateDown       ChildState = iota
	StateRestarting            // not running, will be started
	StateStarting              // Init is running
	StateRunning
	StateStopping // Terminate is running, or is about to
)

// String returns the name of the state.
func (s ChildState) String() string {
	return name(int(s), "down", "restarting", "starting", "running", "stopping")
}

// ChildInfo describes one child of a supervisor at one moment.
type ChildInfo struct {
	ID          string
	Ref         Ref
	Supervisor  bool
	Restart     Restart
	State       ChildState
	Incarnation uint64 // the current or last one; 0: none yet
	Restarts    int    // after crashes, in the current incarnation of the supervisor
}

// WhichChildren returns the children, in start order; of a dynamic supervisor, in none.
func (s *Supervisor) WhichChildren(ctx context.Context) ([]ChildInfo, error) {
	v, err := s.ask(ctx, func(s *Supervisor, o *order) {
		infos := make([]ChildInfo, 0, s.children.len())
		for c := range s.children.all() {
			infos = append(infos, s.info(c))
		}
		o.answer(infos, nil)
	})
	if err != nil {
		return nil, childOf(s, "list", "children", err)
	}
	infos, _ := v.([]ChildInfo)
	return infos, nil
}

func (s *Supervisor) info(c *child) ChildInfo {
	i := ChildInfo{
		ID: c.spec.ID, Ref: Ref{sys: s.sys, path: join(s.path(), c.spec.ID)},
		Supervisor: c.spec.Supervisor != nil, Restart: c.spec.Restart, Restarts: int(c.restarts),
	}
	if c.cell != nil {
		i.Incarnation = c.cell.incarnation
	}
	switch {
	case c.phase == up:
		i.State = StateRunning
	case c.phase == starting:
		i.State = StateStarting
	case c.phase == ending || c.phase == stopping:
		i.State = StateStopping
	case c.phase == waiting || s.reason == nil && (c.redo && !c.off || c.reason != nil):
		i.State = StateRestarting
	}
	return i
}

// Counts is how many children a supervisor has.
type Counts struct {
	Specs       int // all of them
	Active      int // those that run
	Supervisors int
	Workers     int
}

// CountChildren counts the children.
func (s *Supervisor) CountChildren(ctx context.Context) (Counts, error) {
	v, err := s.ask(ctx, func(s *Supervisor, o *order) {
		var n Counts
		for c := range s.children.all() {
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
		o.answer(n, nil)
	})
	if err != nil {
		return Counts{}, childOf(s, "count", "children", err)
	}
	n, _ := v.(Counts)
	return n, nil
}
