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

// NewRecorder makes an empty Recorder.
func NewRecorder() *Recorder { return &Recorder{} }

// OnEvent is for supervisor.Options.
func (r *Recorder) OnEvent(e supervisor.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// Events returns the events of the given kinds; without kinds, all.
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

// Of returns the events of one path.
func (r *Recorder) Of(path string, kinds ...supervisor.EventKind) []supervisor.Event {
	return slices.DeleteFunc(
		r.Events(kinds...),
		func(e supervisor.Event) bool { return e.Path != path },
	)
}

// Lines returns events as "kind path: reason" or "kind path: detail", for comparing.
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

// Reset forgets what was collected.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = nil
}
