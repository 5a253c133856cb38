package supervisortest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/hublink-go/hublink/supervisor"
)

// Recorder collects events in the order in which they were reported.
type Recorder struct {
	mu     sync.Mutex
	events []supervisor.Event
}

// NewRecorder returns an empty Recorder.
func NewRecorder() *Recorder { return &Recorder{} }

// OnEvent is the hook for supervisor.Options.OnEvent.
func (r *Recorder) OnEvent(e supervisor.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// Events returns the events of the given kinds, or all events without kinds.
func (r *Recorder) Events(kinds ...supervisor.EventKind) []supervisor.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []supervisor.Event
	for _, e := range r.events {
		if len(kinds) == 0 || slices.Contains(kinds, e.Kind) {
			out = append(out, e)
		}
	}
	return out
}

// Of returns the events of one path, like Events.
func (r *Recorder) Of(path string, kinds ...supervisor.EventKind) []supervisor.Event {
	return slices.DeleteFunc(r.Events(kinds...),
		func(e supervisor.Event) bool { return e.Path != path })
}

// Lines returns events as "kind path: reason" or "kind path: detail", to compare them.
func (r *Recorder) Lines(kinds ...supervisor.EventKind) []string {
	events := r.Events(kinds...)
	lines := make([]string, len(events))
	for i, e := range events {
		lines[i] = e.Kind.String() + " " + e.Path
		switch {
		case e.Detail != "":
			lines[i] += ": " + e.Detail
		case e.Reason != nil:
			lines[i] += fmt.Sprintf(": %v", e.Reason)
		}
	}
	return lines
}

// Reset removes the events.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = nil
}
