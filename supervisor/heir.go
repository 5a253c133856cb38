package supervisor

import (
	"fmt"
	"io"
	"reflect"
)

// Heir is what the previous incarnation of a child kept for the next one. The zero Heir is empty.
type Heir struct{ c *cell }

// Take hands over the value that was kept under key; false: there is none. It belongs to the new
// incarnation from then on: keep it again with [Ctx.Keep], or close it. When Init does not succeed,
// it goes back into its slot for the next try.
func (h Heir) Take(key string) (io.Closer, bool) {
	if h.c == nil {
		return nil, false
	}
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	s := h.c.slot(key)
	if s == nil || s.state != slotOffered {
		return nil, false
	}
	s.state = slotTaken
	return s.v, true
}

// slot is one kept value.
type slot struct {
	key   string
	v     io.Closer
	state slotState
}

type slotState uint8

const (
	slotOffered slotState = iota // from the previous incarnation, nobody wanted it yet
	slotTaken                    // by the new one, not kept again yet
	slotKept                     // for the next one
)

// slot finds the slot of key; nil: there is none. The lock is held.
func (c *cell) slot(key string) *slot {
	if c.links == nil {
		return nil
	}
	for i := range c.links.slots {
		if c.links.slots[i].key == key {
			return &c.links.slots[i]
		}
	}
	return nil
}

// keep puts v into the slot of key and returns what has to be closed.
func (c *cell) keep(key string, v io.Closer) (done io.Closer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.is(abandoned) {
		return v
	}
	s := c.slot(key)
	switch {
	case s == nil && v != nil:
		l := c.tied()
		l.slots = append(l.slots, slot{key: key, v: v, state: slotKept})
	case s != nil && v == nil:
		*s = c.links.slots[len(c.links.slots)-1]
		c.links.slots = c.links.slots[:len(c.links.slots)-1]
	case s != nil:
		if !same(s.v, v) {
			done = s.v
		}
		s.v, s.state = v, slotKept
	}
	return done
}

// offer gives a new incarnation what the previous one kept.
func (c *cell) offer(slots []slot) {
	if len(slots) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range slots {
		slots[i].state = slotOffered
	}
	c.tied().slots = slots
}

// settle is called when Init has succeeded: what was taken is the actor's, what was not is to be
// closed.
func (c *cell) settle() (left []slot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.links == nil || len(c.links.slots) == 0 {
		return nil
	}
	var kept []slot
	for _, s := range c.links.slots {
		switch s.state {
		case slotOffered:
			left = append(left, s)
		case slotKept:
			kept = append(kept, s)
		case slotTaken:
		}
	}
	c.links.slots = kept
	return left
}

// kept takes all values out of the slots.
func (c *cell) kept() []slot {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.takeSlots()
}

// takeSlots is kept with the lock held.
func (c *cell) takeSlots() []slot {
	if c.links == nil {
		return nil
	}
	slots := c.links.slots
	c.links.slots = nil
	return slots
}

// closeSlot closes one value. Neither a panic nor an error of Close is anybody's end.
func (c *cell) closeSlot(s slot) {
	ended := false
	defer func() {
		if v := recover(); v != nil {
			c.terminateFailed(fmt.Errorf("close %s: %w", s.key, newPanicError(v)))
		} else if !ended {
			c.terminateFailed(fmt.Errorf("close %s: %w", s.key, ErrGoexit))
		}
	}()
	if err := s.v.Close(); err != nil {
		c.sys.opts.Logger.Debug().
			Err(err).
			Str("actor", c.path()).
			Str("slot", s.key).
			Msg("closing what nobody inherited")
	}
	ended = true
}

func same(a, b io.Closer) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.TypeOf(a).Comparable() && a == b
}
