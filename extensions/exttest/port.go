package exttest

import (
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/hublink-go/hublink/extensions"
)

// port is what one incarnation of the extension has of the Host. An ended one does nothing more, so
// that an incarnation that goes on after its crash is noticed.
type port struct {
	host *Host

	mu     sync.Mutex // Wake may come from any goroutine
	now    time.Time
	due    time.Time // zero: no timer
	inside bool      // inside Handle
	ended  bool
}

// Push implements extensions.Host.
func (p *port) Push(event string, payload any) error {
	h := p.host
	h.tb.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.ended:
		h.tb.Errorf("push of %q by an incarnation that has ended", event)
		return extensions.ErrDetached
	case !h.attached:
		h.tb.Errorf("push of %q while detached: be silent until Attached", event)
		return extensions.ErrDetached
	case !p.inside:
		h.tb.Errorf("push of %q outside of Handle: call Wake and push on the tick", event)
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
	return nil
}

// Wake implements extensions.Host.
func (p *port) Wake(after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.due = time.Time{}
	if after >= 0 {
		p.due = p.now.Add(after)
	}
}

// Now implements extensions.Host.
func (p *port) Now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// tick moves the clock to the timer and reports true, or to until when no timer is due by then.
func (p *port) tick(until time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.due.IsZero() || p.due.After(until) {
		p.now = until
		return false
	}
	p.now, p.due = p.due, time.Time{}
	return true
}

func (p *port) enter(inside bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inside = inside
}

// end makes the port useless and returns its time.
func (p *port) end() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	return p.now
}
