package supervisor

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"
)

// Report is what a stop left behind. Go cannot end a goroutine from outside: what does not return
// is abandoned, no longer waited for, and named here.
type Report struct {
	Abandoned []Abandoned // sorted by Path
}

// Abandoned is user code that did not return in its time and has not returned since.
type Abandoned struct {
	Path        string
	Incarnation uint64
	What        string // Init, Receive, Terminate, "goroutine dial", "Close of link"
	Since       time.Time
}

// Err returns an error that names what would not stop; nil when everything did.
func (r Report) Err() error {
	errs := make([]error, 0, len(r.Abandoned))
	for _, a := range r.Abandoned {
		errs = append(errs, fmt.Errorf("%s did not stop: %s has not returned", a.Path, a.What))
	}
	return errors.Join(errs...)
}

// hanging is user code that was abandoned and has not returned.
type hanging struct {
	mu sync.Mutex
	m  map[hanger]Abandoned
}

type hanger interface{ hangs() bool }

func (h *hanging) note(who hanger, c *cell, what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !who.hangs() {
		return // it has just returned
	}
	if h.m == nil {
		h.m = make(map[hanger]Abandoned)
	}
	h.m[who] = Abandoned{Path: c.path(), Incarnation: c.incarnation, What: what, Since: time.Now()}
}

func (h *hanging) forget(who hanger) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !who.hangs() {
		delete(h.m, who)
	}
}

// report lists what hangs at or below path; the empty path: everywhere.
func (h *hanging) report(path string) Report {
	h.mu.Lock()
	defer h.mu.Unlock()
	var r Report
	for _, a := range h.m {
		if path == "" || a.Path == path || strings.HasPrefix(a.Path, path+"/") {
			r.Abandoned = append(r.Abandoned, a)
		}
	}
	// Not slices.SortFunc, which is 15 KB of the agent for a type this large.
	sort.Slice(r.Abandoned, func(i, j int) bool { return r.Abandoned[i].Path < r.Abandoned[j].Path })
	return r
}
