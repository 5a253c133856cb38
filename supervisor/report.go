package supervisor

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"
)

// Report names what a stop could not stop. Go cannot stop a goroutine from outside, so user code
// that does not return is abandoned: the supervision no longer waits for it.
type Report struct {
	Abandoned []Abandoned // sorted by Path
}

// Abandoned is user code that has missed its deadline and has not returned since.
type Abandoned struct {
	Path        string
	Incarnation uint64
	What        string // Init, Receive, Terminate, "goroutine dial", "Close of link"
	Since       time.Time
}

// Err returns an error that names each Abandoned, or nil if there is none.
func (r Report) Err() error {
	errs := make([]error, 0, len(r.Abandoned))
	for _, a := range r.Abandoned {
		errs = append(errs, fmt.Errorf("%s did not stop: %s has not returned", a.Path, a.What))
	}
	return errors.Join(errs...)
}

// abandonments is the user code that was abandoned and has not returned.
type abandonments struct {
	mu sync.Mutex
	m  map[hanger]Abandoned
}

// hanger is a cell or a closing.
type hanger interface {
	// hangs reports whether user code has not returned.
	hangs() bool
}

// add notes h, unless it has just returned. c is the cell whose user code it is.
func (as *abandonments) add(h hanger, c *cell, what string) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if !h.hangs() {
		return
	}
	if as.m == nil {
		as.m = make(map[hanger]Abandoned)
	}
	as.m[h] = Abandoned{Path: c.path(), Incarnation: c.incarnation(), What: what, Since: time.Now()}
}

// remove removes h if it has returned.
func (as *abandonments) remove(h hanger) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if !h.hangs() {
		delete(as.m, h)
	}
}

// report lists what hangs at or below path. The empty path means the whole System.
func (as *abandonments) report(path string) Report {
	as.mu.Lock()
	defer as.mu.Unlock()
	var r Report
	for _, a := range as.m {
		if path == "" || a.Path == path || strings.HasPrefix(a.Path, path+"/") {
			r.Abandoned = append(r.Abandoned, a)
		}
	}
	// sort.Slice, because slices.SortFunc adds 15 KB to the agent for a type of this size
	sort.Slice(r.Abandoned, func(i, j int) bool { return r.Abandoned[i].Path < r.Abandoned[j].Path })
	return r
}
