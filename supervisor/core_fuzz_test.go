package supervisor

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzCore lets anything happen to a supervisor that its actors and callers can do, and then stops
// it. It checks what holds at every moment and that everything comes to its end.
func FuzzCore(f *testing.F) {
	for strategy := range byte(4) {
		f.Add([]byte{strategy, 3, 0, 3, 0, 0, 1, 0, 2, 2, 0, 2, 1, 6, 0, 0, 0})
		f.Add([]byte{strategy, 2, 1, 0x1b, 0, 0, 0, 1, 2, 0, 6, 3, 5, 3, 4, 1, 7, 1, 0, 3, 3, 0})
		f.Add([]byte{strategy, 1, 2, 0x3f, 5, 4, 5, 5, 0, 4, 2, 4, 8, 4, 9, 4, 3, 0, 10, 0})
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := newTheatre()
		next := func() byte {
			if len(data) == 0 {
				return 0
			}
			b := data[0]
			data = data[1:]
			return b
		}
		p.cast(next)
		p.begin()
		p.settle(t)
		for len(data) > 0 && p.exits == 0 {
			p.happen(next(), next())
			p.settle(t)
		}
		p.core.stop(p.age(), ErrShutdown)
		p.settle(t)
		for range 1000 {
			if p.exits == 1 {
				break
			}
			p.finish()
			p.settle(t)
		}
		require.Equal(t, 1, p.exits, "the supervisor exits: %v", p)
		require.Empty(t, p.orders, "every order is answered")
		require.Empty(t, p.timers, "no timer is left")
		require.Empty(t, p.runs, "no child is left")
		require.Zero(t, p.core.closings)
	})
}

// cast draws the supervisor: strategy, intensity, backoff and children.
func (p *theatre) cast(next func() byte) {
	p.spec.Strategy = Strategy(next() % 4)
	p.spec.Intensity = Intensity{Max: int(next() % 8), Within: 10 * time.Second}
	if b := next(); b%2 == 1 {
		p.spec.Backoff = Backoff{Min: time.Second, Max: 4 * time.Second}
		p.spec.AutoShutdown = AutoShutdown(b / 2 % 2)
	}
	if n := next(); p.spec.Strategy != Dynamic {
		for i := range int(n % 4) {
			cs := drawChild(i, n>>2)
			p.keeps[cs.ID] = n&0x80 != 0
			p.spec.Children = append(p.spec.Children, cs)
		}
	}
}

func drawChild(i int, b byte) ChildSpec {
	cs := ChildSpec{ID: string(rune('a' + i)), Restart: Restart((int(b) + i) % 3)}
	cs.Significant = cs.Restart != Permanent && b&4 != 0
	if b&8 != 0 && i%2 == 1 {
		cs.Supervisor = &Spec{}
	}
	return cs
}

// happen lets one thing happen, if it can: news of child who, an order, or time.
func (p *theatre) happen(what, who byte) {
	id := string(rune('a' + who%6))
	c := p.core.children.find(id)
	runs := c != nil && p.runs[c]
	reason := []error{ErrNormal, ErrShutdown, errors.New("boom"), errors.New("bang")}[who/6%4]
	switch what % 12 {
	case 0, 1:
		if runs && c.phase == starting {
			p.core.childUp(p.age(), c)
		}
	case 2, 3:
		if runs {
			delete(p.runs, c)
			p.core.childExited(p.age(), c, reason)
		}
	case 4:
		if runs {
			p.core.childExiting(c, reason)
		}
	case 5:
		cs := drawChild(int(who%6), who/6)
		p.keeps[id] = who&1 != 0
		p.ask(&order{act: startChild, id: id, spec: &cs}, "start")
	case 6:
		p.now += time.Duration(who%16) * time.Second
		p.ring()
	case 7, 8, 9:
		p.ask(&order{act: terminateChild + act(what%12-7), id: id}, "order")
	case 10:
		if len(p.closing) > 0 {
			p.closed()
		}
	case 11:
		if who > 0xf0 {
			p.core.stop(p.age(), reason)
		}
	}
}

// finish lets what the supervisor waits for happen.
func (p *theatre) finish() {
	switch {
	case len(p.closing) > 0:
		p.closed()
	case len(p.runs) > 0:
		for c := range p.runs {
			if c.phase == stopping || c.phase == exiting {
				delete(p.runs, c)
				p.core.childExited(p.age(), c, ErrShutdown)
				return
			}
		}
	}
}

// settle carries the effects out and checks what always holds.
func (p *theatre) settle(t *testing.T) {
	k := &p.core
	for i := 0; i < len(p.out.list); i++ {
		e := p.out.list[i]
		require.Zero(t, p.exits, "nothing happens after the exit")
		if e.kind == effectStart {
			require.False(t, p.runs[e.child], "%s has one incarnation at a time", e.child.spec.ID)
		}
		if e.kind == effectStop && !e.child.off && p.spec.Strategy != Dynamic {
			require.Same(t, k.children.lastRunning(), e.child, "a job stops the last one first")
		}
		if e.kind == effectExit {
			require.Empty(t, p.runs, "children exit before their supervisor")
		}
		p.do(e)
	}
	p.out.list = nil
	require.LessOrEqual(t, p.ups, 1)
	require.False(t, p.double, "an order is answered once")
	together := 0
	for c := range k.children.all() {
		require.Equal(t, p.runs[c], c.phase.running(), "phase of %s", c.spec.ID)
		if c.redo && c.phase == starting {
			together++
		}
	}
	if k.job == bringUp || k.job == bringBack {
		require.LessOrEqual(t, together, 1, "a job starts one child after the other")
	}
	for c := range p.timers {
		if c == nil {
			require.Equal(t, backingOff, k.job)
			continue
		}
		require.True(t, slices.Contains([]phase{waiting, starting, exiting, stopping}, c.phase),
			"a timer for %s, which is in phase %d", c.spec.ID, c.phase)
	}
	if k.reason != nil && p.exits == 0 {
		require.Equal(t, shutDown, k.job, "nothing but the stop goes on: %v", p)
	}
}
