package supervisor

import (
	"errors"
	"strconv"
	"time"
)

var errNameTaken = errors.New(
	"another actor has this name: IDs that contain slashes must not collide with those below another supervisor",
)

// newChild makes the next incarnation of c.
func (s *System) newChild(parent *Supervisor, c *child) *cell {
	path := join(parent.path(), c.spec.ID)
	if c.spec.Supervisor != nil {
		return &s.newSupervisor(path, c.spec.Supervisor, parent, c).cell
	}
	a := &shell{}
	a.cell = s.newCell(path, a, parent, c)
	a.ctx.a = a
	return &a.cell
}

func (s *System) newSupervisor(
	path string,
	spec *Spec,
	parent *Supervisor,
	rec *child,
) *Supervisor {
	sv := &Supervisor{spec: spec, window: newIntensity(spec.Intensity)}
	sv.cell = s.newCell(path, sv, parent, rec)
	return sv
}

// newCell gives the incarnation a number and its PID a name: path, "#", number. No two are alike,
// so a PID that somebody kept never reaches a successor.
func (s *System) newCell(path string, r role, parent *Supervisor, rec *child) cell {
	number := s.last.Add(1)
	name := path + "#" + strconv.FormatUint(number, 36)
	return cell{
		sys:         s,
		parent:      parent,
		rec:         rec,
		role:        r,
		name:        name,
		pathLen:     int32(len(path)),
		incarnation: number,
	}
}

// launch gives the cell its name and makes it an actor of protoactor's. Its first turn runs on
// another goroutine.
func (s *System) launch(c *cell) error {
	c.flags = registered | scheduled // until the mailbox is started; nobody else knows the cell yet
	if !s.names.claim(c) {
		c.flags &^= registered
		return errNameTaken
	}
	s.spawning.Lock()
	s.next = c
	_, err := s.as.Root.SpawnNamed(s.props, c.name)
	s.next = nil
	s.spawning.Unlock()
	if err != nil {
		c.setFlag(registered, false)
		s.names.release(c)
	}
	return err
}

// age is how long the System has existed; never zero.
func (s *System) age() time.Duration { return time.Since(s.born) + 1 }

// jitter draws the wait before the n-th restart in a row.
func (s *System) jitter(b Backoff, n uint32) time.Duration {
	if b.Min <= 0 {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return b.delay(n, s.rng)
}
