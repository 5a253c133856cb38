package supervisortest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/hublink-go/hublink/supervisor"
)

// Do is a message to an actor of a Probe. The actor runs it instead of its Receive.
type Do func(c *supervisor.Ctx) error

// Hooks is what an actor of a Probe does besides taking notes. A nil field does nothing.
type Hooks struct {
	New       func(h supervisor.Heir)
	Init      func(c *supervisor.Ctx) error
	Receive   func(c *supervisor.Ctx, msg any) error // for messages that are no Do
	Terminate func(c *supervisor.Ctx, reason error)
}

// Probe makes actors that note each call of their methods: "init path", "receive path message",
// "terminate path reason", in the order of the calls across all its actors.
type Probe struct {
	mu    sync.Mutex
	notes []string
}

// NewProbe returns a Probe without notes.
func NewProbe() *Probe { return &Probe{} }

// Child returns the spec of a permanent child that takes notes.
func (p *Probe) Child(id string) supervisor.ChildSpec { return p.ChildWith(id, Hooks{}) }

// ChildWith returns the spec of Child, with hooks.
func (p *Probe) ChildWith(id string, hooks Hooks) supervisor.ChildSpec {
	return supervisor.ChildSpec{ID: id, New: func(h supervisor.Heir) supervisor.Behavior {
		if hooks.New != nil {
			hooks.New(h)
		}
		return &probed{probe: p, hooks: hooks}
	}}
}

// Note adds a line to the notes.
func (p *Probe) Note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.notes = append(p.notes, fmt.Sprintf(format, args...))
}

// Notes returns the notes.
func (p *Probe) Notes() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.notes)
}

// Take returns the notes and removes them.
func (p *Probe) Take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	notes := p.notes
	p.notes = nil
	return notes
}

// probed is one incarnation of a Probe's actor.
type probed struct {
	probe *Probe
	hooks Hooks
}

// Init implements supervisor.Behavior.
func (a *probed) Init(c *supervisor.Ctx) error {
	a.probe.Note("init %s", c.Path())
	if a.hooks.Init != nil {
		return a.hooks.Init(c)
	}
	return nil
}

// Receive implements supervisor.Behavior.
func (a *probed) Receive(c *supervisor.Ctx, msg any) error {
	if do, ok := msg.(Do); ok {
		return do(c)
	}
	a.probe.Note("receive %s %v", c.Path(), msg)
	if a.hooks.Receive != nil {
		return a.hooks.Receive(c, msg)
	}
	return nil
}

// Terminate implements supervisor.Behavior.
func (a *probed) Terminate(c *supervisor.Ctx, reason error) {
	a.probe.Note("terminate %s %v", c.Path(), reason)
	if a.hooks.Terminate != nil {
		a.hooks.Terminate(c, reason)
	}
}
