package supervisor

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

var errNameTaken = errors.New(
	"another actor has this name: an ID with a slash must not equal a path below another supervisor",
)

// newChild makes the next incarnation of c.
func (s *System) newChild(parent *Supervisor, c *child) *cell {
	path := parent.cell.below(c.spec.ID)
	if c.spec.Supervisor != nil {
		return &s.newSupervisor(path, c.spec.Supervisor, parent, c).cell
	}
	a := &shell{}
	a.cell = s.newCell(path, a, parent, c)
	return &a.cell
}

// newSupervisor makes an incarnation of a supervisor. A root has no parent and no rec.
func (s *System) newSupervisor(
	path string, spec *Spec, parent *Supervisor, rec *child,
) *Supervisor {
	sv := &Supervisor{core: core{spec: spec, window: newIntensity(spec.Intensity), chance: &s.chance}}
	sv.cell = s.newCell(path, sv, parent, rec)
	sv.core.id = &sv.cell.identity
	return sv
}

func (s *System) newCell(path string, r role, parent *Supervisor, rec *child) cell {
	return cell{
		identity: newIdentity(path, s.last.Add(1)),
		sys:      s, parent: parent, rec: rec, role: r,
	}
}

// launch gives the cell its name and makes it a process of protoactor. Its first turn runs on
// another goroutine.
func (s *System) launch(c *cell) error {
	// scheduled until the mailbox starts; no other goroutine knows the cell yet
	c.mailbox.life.mark(registered | scheduled)
	if !s.names.claim(c) {
		c.mailbox.life.unmark(registered)
		return errNameTaken
	}
	s.spawning.Lock()
	s.next = c
	_, err := s.as.Root.SpawnNamed(s.props, c.name)
	s.next = nil
	s.spawning.Unlock()
	if err != nil {
		c.mailbox.unregister()
		s.names.release(c)
	}
	return err
}

// age returns how long the System has existed; it is never zero.
func (s *System) age() time.Duration { return time.Since(s.born) + 1 }

// sharedRand is a source of random numbers for several goroutines.
type sharedRand struct {
	mu  sync.Mutex
	rng *rand.Rand
}

// Int64N implements chance.
func (r *sharedRand) Int64N(n int64) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rng.Int64N(n)
}

// borrow returns an empty list of effects for one turn of a supervisor.
func (s *System) borrow() *effects {
	if out, ok := s.effects.Get().(*effects); ok {
		return out
	}
	return &effects{list: make([]effect, 0, firstEffects)}
}

// giveBack takes a list of effects back for the next turn.
func (s *System) giveBack(out *effects) {
	if cap(out.list) > keepEffects {
		return
	}
	clear(out.list)
	out.list = out.list[:0]
	s.effects.Put(out)
}
