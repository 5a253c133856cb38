package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/hublink-go/hublink/supervisor"
	"github.com/hublink-go/hublink/supervisor/supervisortest"
)

// model is what OTP says about one supervisor and its actors, as plainly as it can be put: after
// each thing that happens it knows every Init and Terminate that must follow, in order.
type model struct {
	strategy supervisor.Strategy
	limit    supervisor.Intensity
	children []*modelChild
	restarts []time.Time
	notes    []string
	over     bool
}

type modelChild struct {
	id      string
	restart supervisor.Restart
	up      bool
	off     bool // terminated by hand
}

func (m *model) note(format string, args ...any) {
	m.notes = append(m.notes, fmt.Sprintf(format, args...))
}

func (m *model) init(c *modelChild) {
	c.up, c.off = true, false
	m.note("init r/%s", c.id)
}

func (m *model) terminate(c *modelChild, reason error) {
	c.up = false
	m.note("terminate r/%s %v", c.id, reason)
}

func (m *model) remove(c *modelChild) {
	m.children = slices.DeleteFunc(m.children, func(o *modelChild) bool { return o == c })
}

func (m *model) find(id string) *modelChild {
	for _, c := range m.children {
		if c.id == id {
			return c
		}
	}
	return nil
}

func (m *model) stopAll() {
	m.over = true
	for _, c := range slices.Backward(m.children) {
		if c.up {
			m.terminate(c, supervisor.ErrShutdown)
		}
	}
}

func (m *model) ends(c *modelChild, reason error) {
	m.terminate(c, reason)
	switch {
	case c.restart == supervisor.Temporary:
		m.remove(c)
		return
	case c.restart == supervisor.Transient && errors.Is(reason, supervisor.ErrNormal):
		return
	}
	now := time.Now()
	m.restarts = slices.DeleteFunc(
		m.restarts,
		func(at time.Time) bool { return now.Sub(at) > m.limit.Within },
	)
	if len(m.restarts) >= m.limit.Max {
		m.stopAll()
		return
	}
	m.restarts = append(m.restarts, now)
	group := []*modelChild{c}
	switch i := slices.Index(m.children, c); m.strategy {
	case supervisor.OneForAll:
		group = slices.Clone(m.children)
	case supervisor.RestForOne:
		group = slices.Clone(m.children[i:])
	case supervisor.OneForOne, supervisor.Dynamic:
	}
	for _, s := range slices.Backward(group) {
		if s.up {
			m.terminate(s, supervisor.ErrShutdown)
			if s.restart == supervisor.Temporary {
				m.remove(s)
			}
		}
	}
	for _, s := range group {
		if !s.off && s.restart != supervisor.Temporary {
			m.init(s)
		}
	}
}

func (m *model) startChild(id string, restart supervisor.Restart) error {
	switch c := m.find(id); {
	case m.over:
		return supervisor.ErrNoProc
	case c != nil && c.up:
		return supervisor.ErrAlreadyStarted
	case c != nil:
		return supervisor.ErrAlreadyPresent
	}
	c := &modelChild{id: id, restart: restart}
	m.children = append(m.children, c)
	m.init(c)
	return nil
}

func (m *model) terminateChild(id string) error {
	c := m.find(id)
	switch {
	case m.over:
		return supervisor.ErrNoProc
	case c == nil:
		return supervisor.ErrNotFound
	}
	if c.up {
		m.terminate(c, supervisor.ErrShutdown)
	}
	c.off = true
	if c.restart == supervisor.Temporary || m.strategy == supervisor.Dynamic {
		m.remove(c)
	}
	return nil
}

// byHand is RestartChild and DeleteChild.
func (m *model) byHand(id string, f func(*modelChild)) error {
	c := m.find(id)
	switch {
	case m.over:
		return supervisor.ErrNoProc
	case c == nil:
		return supervisor.ErrNotFound
	case c.up:
		return supervisor.ErrRunning
	}
	f(c)
	return nil
}

// story is what happens to a supervisor, drawn at once, so that it can be told in a bubble of its
// own.
type story struct {
	Strategy supervisor.Strategy
	Max      int
	First    []supervisor.Restart // of the children a, b, c
	Steps    []step
}

type step struct {
	Kind    string
	ID      string
	Restart supervisor.Restart // StartChild
	Normal  bool               // ends
	Seconds int                // time passes
}

func drawStory(t *rapid.T) story {
	restart := rapid.SampledFrom(
		[]supervisor.Restart{supervisor.Permanent, supervisor.Transient, supervisor.Temporary},
	)
	s := story{
		Strategy: rapid.SampledFrom([]supervisor.Strategy{
			supervisor.OneForOne, supervisor.OneForAll, supervisor.RestForOne, supervisor.Dynamic,
		}).Draw(t, "strategy"),
		Max: rapid.IntRange(0, 4).Draw(t, "max"),
	}
	if s.Strategy != supervisor.Dynamic {
		s.First = rapid.SliceOfN(restart, 0, 3).Draw(t, "first")
	}
	s.Steps = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{
			Kind: rapid.SampledFrom([]string{
				"ends", "ends", "StartChild", "TerminateChild", "RestartChild", "DeleteChild", "time passes",
			}).Draw(t, "kind"),
			ID:      rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "id"),
			Restart: restart.Draw(t, "restart"),
			Normal:  rapid.Bool().Draw(t, "normal"),
			Seconds: rapid.IntRange(1, 5).Draw(t, "seconds"),
		}
	}), 0, 30).Draw(t, "steps")
	return s
}

func TestSupervisorIsItsModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawStory(rt)
		var err error
		synctest.Test(t, func(t *testing.T) { err = s.tell(t.Context()) })
		if err != nil {
			rt.Fatal(err)
		}
	})
}

// pair is the model and the real supervisor.
type pair struct {
	model
	sys   *supervisor.System
	root  *supervisor.Supervisor
	probe *supervisortest.Probe
}

func (s story) tell(ctx context.Context) (err error) {
	limit := supervisor.Intensity{Max: s.Max, Within: 10 * time.Second}
	p := &pair{model: model{strategy: s.Strategy, limit: limit}, probe: supervisortest.NewProbe()}
	if p.sys, err = supervisor.NewSystem(supervisor.Options{}); err != nil {
		return err
	}
	defer func() {
		report, stopErr := p.sys.Shutdown(ctx)
		err = errors.Join(err, stopErr, report.Err())
	}()
	spec := supervisor.Spec{Name: "r", Strategy: s.Strategy, Intensity: limit}
	for i, restart := range s.First {
		id := string(rune('a' + i))
		spec.Children = append(spec.Children, p.spec(id, restart))
		_ = p.startChild(id, restart) // of the model: it cannot fail
	}
	if p.root, err = p.sys.Start(ctx, spec); err != nil {
		return err
	}
	for i, step := range s.Steps {
		got, want := p.take(ctx, step)
		if !errors.Is(got, want) {
			return fmt.Errorf("step %d, %+v: error %w, want %w", i, step, orNil(got), orNil(want))
		}
		if err := p.compare(ctx); err != nil {
			return fmt.Errorf("after step %d, %+v: %w", i, step, err)
		}
	}
	if !p.over {
		p.stopAll()
	}
	if _, err := p.root.Stop(ctx); err != nil {
		return err
	}
	return p.compare(ctx)
}

func (p *pair) spec(id string, restart supervisor.Restart) supervisor.ChildSpec {
	cs := p.probe.Child(id)
	cs.Restart = restart
	return cs
}

// take carries one step out on both sides and returns what each says to it.
func (p *pair) take(ctx context.Context, s step) (got, want error) {
	switch s.Kind {
	case "ends":
		reason := errBoom
		if s.Normal {
			reason = supervisor.ErrNormal
		}
		got = p.sys.Ref("r/" + s.ID).
			Send(supervisortest.Do(func(*supervisor.Ctx) error { return reason }))
		if c := p.find(s.ID); p.over || c == nil || !c.up {
			want = supervisor.ErrNoProc
		} else {
			p.ends(c, reason)
		}
	case "StartChild":
		_, got = p.root.StartChild(ctx, p.spec(s.ID, s.Restart))
		want = p.startChild(s.ID, s.Restart)
	case "TerminateChild":
		got, want = p.root.TerminateChild(ctx, s.ID), p.terminateChild(s.ID)
	case "RestartChild":
		_, got = p.root.RestartChild(ctx, s.ID)
		want = p.byHand(s.ID, p.init)
	case "DeleteChild":
		got, want = p.root.DeleteChild(ctx, s.ID), p.byHand(s.ID, p.remove)
	case "time passes":
		time.Sleep(time.Duration(s.Seconds) * time.Second)
	}
	return got, want
}

// compare looks at everything that has happened so far, and at the children that there are.
func (p *pair) compare(ctx context.Context) error {
	synctest.Wait()
	got, want := p.probe.Notes(), slices.Clone(p.notes)
	if p.over && p.strategy == supervisor.Dynamic { // they stop all at once
		slices.Sort(got)
		slices.Sort(want)
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("what happened differs (-want +got):\n%s", cmp.Diff(want, got))
	}
	infos, err := p.root.WhichChildren(ctx)
	if p.over {
		if !errors.Is(err, supervisor.ErrNoProc) {
			return fmt.Errorf("the supervisor has not ended: %w", err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	states, wantStates := map[string]supervisor.ChildState{}, map[string]supervisor.ChildState{}
	for _, i := range infos {
		states[i.ID] = i.State
	}
	for _, c := range p.children {
		wantStates[c.id] = supervisor.StateDown
		if c.up {
			wantStates[c.id] = supervisor.StateRunning
		}
	}
	if diff := cmp.Diff(wantStates, states); diff != "" {
		return fmt.Errorf("the children differ (-want +got):\n%s", diff)
	}
	return nil
}

var errNone = errors.New("none")

func orNil(err error) error {
	if err == nil {
		return errNone
	}
	return err
}
