package demo

import (
	"context"
	"sync"
	"time"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/cmd/sim/internal/report"
)

// watch is what is seen of the agent from outside, over its restarts. All methods may be called
// from any goroutine.
type watch struct {
	print *report.Printer

	mu        sync.Mutex
	bar       *report.Bar
	rebooting bool
	drops     int
	reason    string
	failed    chan struct{} // closed when an update has failed
	finished  time.Time     // when the update had completed or failed
}

func newWatch(p *report.Printer) *watch { return &watch{print: p, failed: make(chan struct{})} }

func (w *watch) booted() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rebooting = false
}

// progress is the agent's callback.
func (w *watch) progress(_ context.Context, p actors.Progress) {
	w.mu.Lock()
	bar := w.bar
	w.mu.Unlock()
	if bar != nil && p.Stage == "downloading" {
		bar.Set(p.Percent)
	}
}

// show has the progress shown on b; nil: not any more.
func (w *watch) show(b *report.Bar) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bar = b
}

// event is the agent's hook.
func (w *watch) event(e actors.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e.Kind {
	case actors.EventDisconnected:
		if !w.rebooting {
			w.drops++
		}
	case actors.EventRebooting:
		w.rebooting = true
	case actors.EventUpdateCompleted:
		w.finished = e.Time
	case actors.EventUpdateFailed, actors.EventUpdateIgnored:
		if w.reason == "" {
			w.reason, w.finished = e.Detail, e.Time
			close(w.failed)
		}
	}
}

// seen is how it ended.
func (w *watch) seen() (drops int, reason string, finished time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.drops, w.reason, w.finished
}
