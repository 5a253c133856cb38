package supervisor

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/tests/golden"
)

// theatre runs a core without actors: it keeps the timers and answers the effects that the actor
// answers by itself.
type theatre struct {
	core    core
	spec    Spec
	out     effects
	now     time.Duration
	timers  map[*child]setTimer // nil: that of the supervisor
	keeps   map[string]bool     // children that have kept values: their close takes a line of its own
	orders  map[*order]string   // not answered
	closing []*order            // the orders that wait for each close
	runs    map[*child]bool     // has an incarnation
	ups     int
	exits   int
	double  bool // an order was answered twice
	lines   []string
}

type setTimer struct {
	at     time.Duration
	number alarm
}

func newTheatre() *theatre {
	return &theatre{
		timers: map[*child]setTimer{}, keeps: map[string]bool{}, orders: map[*order]string{},
		runs: map[*child]bool{},
	}
}

func TestCoreTranscripts(t *testing.T) {
	golden.Play(t, "order", func() golden.Core { return newTheatre() })
}

// Deadline implements golden.Core.
func (p *theatre) Deadline() time.Time {
	if len(p.timers) == 0 {
		return time.Time{}
	}
	first := time.Duration(1<<63 - 1)
	for _, s := range p.timers {
		first = min(first, s.at)
	}
	return golden.Epoch().Add(first)
}

// Step implements golden.Core. Lines without a time describe the supervisor; `keeps a` gives the
// child a values to close.
func (p *theatre) Step(t *testing.T, now time.Time, words []string) []string {
	if now.IsZero() {
		p.describe(t, words)
		return nil
	}
	p.now = now.Sub(golden.Epoch())
	switch {
	case len(words) == 0:
		p.ring()
	case words[0] == "begin":
		p.begin()
	case words[0] == "stop":
		p.core.stop(p.age(), ErrShutdown)
	case strings.HasSuffix(words[0], "Child"):
		p.order(t, words)
	default:
		p.news(t, words)
	}
	p.carryOut()
	lines := p.lines
	p.lines = nil
	if len(words) > 0 && words[0] == "stop" && p.spec.Strategy == Dynamic {
		slices.Sort(lines) // they stop all at once
	}
	return lines
}

func (p *theatre) age() time.Duration { return p.now + 1 }

func (p *theatre) begin() {
	id := newIdentity("r", 1)
	p.core = core{
		id: &id, spec: &p.spec, window: newIntensity(p.spec.Intensity), out: &p.out,
		chance: rand.New(rand.NewPCG(1, 0)),
	}
	p.core.begin(p.age())
}

func (p *theatre) describe(t *testing.T, words []string) {
	duration := func(i int) time.Duration {
		d, err := time.ParseDuration(words[i])
		require.NoError(t, err)
		return d
	}
	switch words[0] {
	case "strategy":
		p.spec.Strategy = valueOf(t, words[1], OneForOne, OneForAll, RestForOne, Dynamic)
	case "intensity":
		limit, err := strconv.Atoi(words[1])
		require.NoError(t, err)
		p.spec.Intensity = Intensity{Max: limit, Within: duration(2)}
	case "backoff":
		p.spec.Backoff = Backoff{Min: duration(1), Max: duration(2)}
	case "all_significant":
		p.spec.AutoShutdown = AllSignificant
	case "child":
		p.spec.Children = append(p.spec.Children, childSpec(t, words[1:]))
	case "keeps":
		p.keeps[words[1]] = true
	default:
		t.Fatalf("unknown line %v", words)
	}
}

// childSpec reads `a`, `a temporary` or `a transient significant supervisor`.
func childSpec(t *testing.T, words []string) ChildSpec {
	cs := ChildSpec{ID: words[0]}
	for _, w := range words[1:] {
		switch w {
		case "significant":
			cs.Significant = true
		case "supervisor":
			cs.Supervisor = &Spec{}
		default:
			cs.Restart = valueOf(t, w, Permanent, Transient, Temporary)
		}
	}
	return cs
}

func valueOf[V fmt.Stringer](t *testing.T, name string, values ...V) V {
	i := slices.IndexFunc(values, func(v V) bool { return v.String() == name })
	require.GreaterOrEqual(t, i, 0, name)
	return values[i]
}

func (p *theatre) order(t *testing.T, words []string) {
	acts := map[string]act{
		"StartChild": startChild, "TerminateChild": terminateChild, "RestartChild": restartChild,
		"DeleteChild": deleteChild,
	}
	a, ok := acts[words[0]]
	require.True(t, ok, words)
	o := &order{act: a, id: words[1], out: make(chan answer, 1)}
	if a == startChild {
		cs := childSpec(t, words[1:])
		o.spec = &cs
	}
	p.ask(o, words[0]+" "+words[1])
}

func (p *theatre) ask(o *order, name string) {
	p.orders[o] = name
	p.core.ask(p.age(), o)
}

// news is what an actor tells its supervisor.
func (p *theatre) news(t *testing.T, words []string) {
	if words[0] == "closed" {
		p.closed()
		return
	}
	c := p.core.children.find(words[1])
	require.NotNil(t, c, "%v", words)
	switch words[0] {
	case "up":
		p.core.childUp(p.age(), c)
	case "exiting":
		p.core.childExiting(c, reasonOf(words[2]))
	case "exited":
		delete(p.runs, c)
		p.core.childExited(p.age(), c, reasonOf(words[2]))
	default:
		t.Fatalf("unknown news %v", words)
	}
}

// closed is the news that the values of one child are closed.
func (p *theatre) closed() {
	p.answer(p.closing[0])
	p.closing = p.closing[1:]
	p.core.keptClosed(p.age())
}

func reasonOf(word string) error {
	for _, err := range []error{ErrNormal, ErrShutdown} {
		if err.Error() == word {
			return err
		}
	}
	return errors.New(word)
}

// ring lets every timer that is due fire.
func (p *theatre) ring() {
	for _, c := range p.timersInOrder() {
		if s, set := p.timers[c]; set && s.at <= p.now {
			delete(p.timers, c)
			p.core.alarmed(p.age(), c, s.number)
			p.carryOut()
		}
	}
}

func (p *theatre) timersInOrder() []*child {
	all := make([]*child, 0, len(p.timers))
	for c := range p.timers {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *child) int { return cmp.Compare(nameOfChild(a), nameOfChild(b)) })
	return all
}

func nameOfChild(c *child) string {
	if c == nil {
		return "the job"
	}
	return c.spec.ID
}

func (p *theatre) say(format string, args ...any) {
	p.lines = append(p.lines, fmt.Sprintf(format, args...))
}

func (p *theatre) carryOut() {
	for i := 0; i < len(p.out.list); i++ {
		p.do(p.out.list[i])
	}
	p.out.list = nil
}

func (p *theatre) do(e effect) {
	name := nameOfChild(e.child)
	switch e.kind {
	case effectStart:
		p.runs[e.child] = true
		p.say("start %s", name)
	case effectStop:
		p.say("stop %s", name)
	case effectArm:
		p.timers[e.child] = setTimer{at: p.now + e.delay, number: e.number}
		p.say("timer of %s %v", name, e.delay.Round(time.Millisecond))
	case effectDisarm:
		delete(p.timers, e.child)
		p.say("no timer of %s", name)
	case effectAbandon:
		delete(p.runs, e.child)
		p.say("abandon %s: %v", name, e.err)
		p.core.childExited(p.age(), e.child, e.err)
	case effectClose:
		if p.keeps[name] {
			delete(p.keeps, name)
			p.say("close what %s kept", name)
			p.closing = append(p.closing, e.order)
			return
		}
		p.answer(e.order)
		p.core.keptClosed(p.age())
	case effectAnswer:
		p.reply(e.order, e.err)
	case effectUp:
		p.ups++
		p.say("up")
	case effectRestarting:
		p.say("restarting %s after %v: %v", name, e.delay.Round(time.Millisecond), e.err)
	case effectGaveUp:
		p.say("gave up: %v", e.err)
	case effectExit:
		p.exits++
		p.say("exit: %v", e.err)
	}
}

func (p *theatre) answer(list *order) {
	for ; list != nil; list = list.next {
		p.reply(list, nil)
	}
}

func (p *theatre) reply(o *order, err error) {
	name, open := p.orders[o]
	switch {
	case !open:
		p.double = true
		p.say("a second answer to act %d for %s", o.act, o.id)
	case err != nil:
		p.say("answer %s: %v", name, err)
	default:
		p.say("answer %s: ok", name)
	}
	delete(p.orders, o)
}

// String is the state: every child that is not up, and the job.
func (p *theatre) String() string {
	var parts []string
	for _, c := range p.all() {
		parts = append(parts, c.spec.ID+" "+nameOf(int(c.phase),
			"down", "waiting", "starting", "up", "exiting", "stopping"))
	}
	state := cmp.Or(strings.Join(parts, ", "), "no children")
	if p.core.job != idle {
		state += ", job " + p.core.job.String()
	}
	return state
}

// all returns the children by start order, or by ID.
func (p *theatre) all() []*child {
	all := slices.Collect(p.core.children.all())
	if p.spec.Strategy == Dynamic {
		slices.SortFunc(all, func(a, b *child) int { return cmp.Compare(a.spec.ID, b.spec.ID) })
	}
	return all
}
