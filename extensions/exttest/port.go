package exttest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/extensions"
)

// port is the extensions.Host of one incarnation. After the end of the incarnation it refuses
// everything and reports it as a failure of the test.
type port struct {
	host   *Host
	ctx    context.Context //nolint:containedctx // it is the incarnation
	cancel context.CancelFunc

	mu       sync.Mutex
	news     chan struct{} // closed at the next push and the next end of a goroutine
	now      time.Time
	timers   []alarm
	attached bool     // between the events Attached and Detached
	inside   bool     // inside Handle
	running  []string // names of goroutines
	failure  error    // of the first goroutine that failed
	ended    bool
}

// alarm is a timer that is set.
type alarm struct {
	name string
	due  time.Time
}

func newPort(h *Host, now time.Time) *port {
	ctx, cancel := context.WithCancel(context.Background())
	return &port{host: h, ctx: ctx, cancel: cancel, now: now, news: make(chan struct{})}
}

// Push implements extensions.Pusher.
func (p *port) Push(event string, payload any) error {
	h := p.host
	h.tb.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	alone := len(p.running) == 0 // else it may come from a goroutine, which hears of no Detached
	switch {
	case p.ended && alone:
		h.tb.Errorf("push of %q by an incarnation that has ended", event)
		return extensions.ErrDetached
	case !p.attached && alone:
		h.tb.Errorf("push of %q while detached: be silent until Attached", event)
		return extensions.ErrDetached
	case p.ended || !p.attached:
		return extensions.ErrDetached
	case !p.inside && alone:
		h.tb.Errorf("push of %q outside of Handle and the goroutines of Host.Go", event)
		return extensions.ErrDetached
	case h.refusal != nil:
		return h.refusal
	}
	data, err := json.Marshal(payload)
	if err != nil {
		h.tb.Errorf("push of %q: %v", event, err)
		return err
	}
	if event == "" || jsontext.Value(data).Kind() != '{' {
		h.tb.Errorf("push of %q: an event needs a name and an object as payload, not %s", event, data)
	}
	h.pushes = append(h.pushes, Push{Event: event, Payload: data, At: p.now})
	p.changed()
	return nil
}

// PushContext implements extensions.Pusher. It waits while Host.Refuse says ErrBusy.
func (p *port) PushContext(ctx context.Context, event string, payload any) error {
	p.host.tb.Helper()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		p.mu.Lock()
		news := p.news
		p.mu.Unlock()
		err := p.Push(event, payload)
		if !errors.Is(err, extensions.ErrBusy) {
			return err
		}
		select {
		case <-news:
		case <-ctx.Done():
		case <-p.ctx.Done():
			return extensions.ErrDetached
		}
	}
}

// Go implements extensions.Host. The goroutine ends soon after end, or the test fails.
func (p *port) Go(name string, run func(ctx context.Context) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	p.running = append(p.running, name)
	go func() {
		err := errors.New("runtime.Goexit called")
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
			}
			p.returned(name, err)
		}()
		err = run(p.ctx)
	}()
}

// returned notes the end of a goroutine. Its error counts unless the incarnation has ended.
func (p *port) returned(name string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.running, name)
	p.running = slices.Delete(p.running, i, i+1)
	if err != nil && p.failure == nil && !p.ended {
		p.failure = fmt.Errorf("goroutine %s: %w", name, err)
	}
	p.changed()
}

// Context implements extensions.Host.
func (p *port) Context() context.Context { return p.ctx }

// Logger implements extensions.Host. The lines go nowhere.
func (p *port) Logger() zerolog.Logger { return zerolog.Nop() }

// Timer implements extensions.Clock.
func (p *port) Timer(name string, after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timers = slices.DeleteFunc(p.timers, func(a alarm) bool { return a.name == name })
	if after >= 0 {
		p.timers = append(p.timers, alarm{name: name, due: p.now.Add(after)})
	}
}

// Wake implements extensions.Clock.
func (p *port) Wake(after time.Duration) { p.Timer("", after) }

// Now implements extensions.Clock.
func (p *port) Now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// tick moves the clock to the next timer and returns its name and true, or moves it to until when
// no timer is due by then.
func (p *port) tick(until time.Time) (name string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := -1
	for i, a := range p.timers {
		if !a.due.After(until) && (next < 0 || a.due.Before(p.timers[next].due)) {
			next = i
		}
	}
	if next < 0 {
		p.now = until
		return "", false
	}
	name, p.now = p.timers[next].name, p.timers[next].due
	p.timers = slices.Delete(p.timers, next, next+1)
	return name, true
}

// enter notes that an event is about to be handled.
func (p *port) enter(kind extensions.EventKind) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inside = true
	switch kind {
	case extensions.Attached:
		p.attached = true
	case extensions.Detached:
		p.attached = false
	case extensions.Message, extensions.Tick:
	}
}

// leave notes that Handle has returned.
func (p *port) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inside = false
}

// changed wakes what waits. The lock is held.
func (p *port) changed() {
	close(p.news)
	p.news = make(chan struct{})
}

// wait waits until done reports true, until no goroutine runs that could change anything, or for
// patience. It reports whether done did.
func (p *port) wait(done func() bool) bool {
	patience := time.NewTimer(patience)
	defer patience.Stop()
	for {
		p.mu.Lock()
		ok, idle, news := done(), len(p.running) == 0, p.news
		p.mu.Unlock()
		if ok || idle {
			return ok
		}
		select {
		case <-news:
		case <-patience.C:
			return false
		}
	}
}

// end ends the incarnation and returns its time, once its goroutines have returned.
func (p *port) end() time.Time {
	p.host.tb.Helper()
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.cancel()
	if !p.wait(func() bool { return len(p.running) == 0 }) {
		p.mu.Lock()
		p.host.tb.Errorf("goroutines %q go on after the end of the incarnation", p.running)
		p.mu.Unlock()
	}
	return p.Now()
}
