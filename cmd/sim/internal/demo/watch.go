package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/cmd/sim/internal/report"
	"github.com/hublink-go/hublink/firmware/fwdev"
)

// watch is what is seen of the agent from outside, over its restarts. All methods may be called
// from any goroutine.
type watch struct {
	print *report.Printer

	mu        sync.Mutex
	bar       *report.Bar
	rebooting bool
	drops     int
	archives  string // what the device said of the archive that it took
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

// archive is the applier's hook.
func (w *watch) archive(a fwdev.Archive) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.archives = fmt.Sprintf("the archive is signed by key %s; task %s was applied natively",
		a.Signer.ID(), a.Task)
	return nil
}

// accepted is what is known of the archive that was installed, "" if it was none.
func (w *watch) accepted() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.archives
}

// seen is how it ended.
func (w *watch) seen() (drops int, reason string, finished time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.drops, w.reason, w.finished
}
