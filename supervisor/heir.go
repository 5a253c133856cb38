package supervisor

import (
	"fmt"
	"io"
	"reflect"
)

// Heir gives a new incarnation access to the values that the previous one kept with [Ctx.Keep]. The
// zero Heir is empty.
type Heir struct{ c *cell }

// Take returns the value that was kept under key, or false. The value belongs to the new
// incarnation from then on: keep it again, or close it. If Init does not succeed, the value returns
// to its slot for the next incarnation.
func (h Heir) Take(key string) (io.Closer, bool) {
	if h.c == nil {
		return nil, false
	}
	h.c.mailbox.mu.Lock()
	defer h.c.mailbox.mu.Unlock()
	if h.c.links == nil {
		return nil, false
	}
	s := h.c.links.slots.find(key)
	if s == nil || s.state != slotOffered {
		return nil, false
	}
	s.state = slotTaken
	return s.v, true
}

// slots is the heir slots of one incarnation. The cell's lock guards it.
type slots []slot

// slot is one kept value.
type slot struct {
	key   string
	v     io.Closer
	state slotState
}

type slotState uint8

const (
	slotOffered slotState = iota // kept by the previous incarnation, not taken
	slotTaken                    // taken by this incarnation, not kept again
	slotKept                     // kept by this incarnation for the next one
)

// find returns the slot of key, or nil.
func (s slots) find(key string) *slot {
	for i := range s {
		if s[i].key == key {
			return &s[i]
		}
	}
	return nil
}

// put puts v into the slot of key and returns the value that has to be closed, or nil. A nil v
// empties the slot without a close.
func (s *slots) put(key string, v io.Closer) (replaced io.Closer) {
	old := s.find(key)
	switch {
	case old == nil && v != nil:
		*s = append(*s, slot{key: key, v: v, state: slotKept})
	case old != nil && v == nil:
		last := len(*s) - 1
		*old, (*s)[last] = (*s)[last], slot{}
		*s = (*s)[:last]
	case old != nil:
		if !same(old.v, v) {
			replaced = old.v
		}
		old.v, old.state = v, slotKept
	}
	return replaced
}

// settle keeps what was kept again and returns what was not taken. A taken value that was not kept
// again is the actor's.
func (s *slots) settle() (refused []slot) {
	var kept slots
	for _, slot := range *s {
		switch slot.state {
		case slotOffered:
			refused = append(refused, slot)
		case slotKept:
			kept = append(kept, slot)
		case slotTaken:
		}
	}
	*s = kept
	return refused
}

// takeSlots takes all values out of the slots. The lock is held.
func (l *links) takeSlots() slots {
	if l == nil {
		return nil
	}
	taken := l.slots
	l.slots = nil
	return taken
}

// takeKept takes all values out of the slots of the cell.
func (c *cell) takeKept() slots {
	c.mailbox.mu.Lock()
	defer c.mailbox.mu.Unlock()
	return c.links.takeSlots()
}

// offer gives a new incarnation what the previous one kept.
func (c *cell) offer(kept slots) {
	if len(kept) == 0 {
		return
	}
	c.mailbox.mu.Lock()
	defer c.mailbox.mu.Unlock()
	for i := range kept {
		kept[i].state = slotOffered
	}
	c.linked().slots = kept
}

// closeSlot closes one value. It logs an error of Close and reports a panic; neither makes an actor
// exit.
func (c *cell) closeSlot(s slot) {
	returned := false
	defer func() {
		var reason error
		switch v := recover(); {
		case v != nil:
			reason = newPanicError(v)
		case !returned:
			reason = ErrGoexit
		default:
			return
		}
		c.emit(Event{Kind: EventTerminateFailed, Reason: fmt.Errorf("close %s: %w", s.key, reason)})
	}()
	if err := s.v.Close(); err != nil {
		c.sys.opts.Logger.Debug().Err(err).Str("actor", c.path()).Str("slot", s.key).
			Msg("close of a value that no incarnation took over failed; it counts as closed")
	}
	returned = true
}

// keep puts v into the slot of key.
func (a *shell) keep(key string, v io.Closer) {
	c := &a.cell
	c.mailbox.mu.Lock()
	replaced := v
	if !c.mailbox.life.is(abandoned) {
		replaced = c.linked().slots.put(key, v)
	}
	c.mailbox.mu.Unlock()
	if replaced != nil {
		c.closeSlot(slot{key: key, v: replaced})
	}
}

// settle is for the moment in which Init has succeeded.
func (a *shell) settle() (refused []slot) {
	a.cell.mailbox.mu.Lock()
	defer a.cell.mailbox.mu.Unlock()
	if a.cell.links == nil || len(a.cell.links.slots) == 0 {
		return nil
	}
	return a.cell.links.slots.settle()
}

// same reports whether a and b are one value.
func same(a, b io.Closer) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.TypeOf(a).Comparable() && a == b
}
