package supervisortest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
)

// AnyPoint matches every point of an actor.
const AnyPoint = ""

// Injector crashes actors at their points: before and after Receive, and at the checkpoints in
// between. The same seed and the same order of calls choose the same points.
type Injector struct {
	mu     sync.Mutex
	rng    *rand.Rand
	shots  []*Shot
	passed map[string]int
}

// NewInjector returns an Injector without orders to crash an actor.
func NewInjector(seed uint64) *Injector {
	return &Injector{
		rng:    rand.New(rand.NewPCG(seed, 0)),
		passed: map[string]int{},
	} //nolint:gosec // a test that can be repeated
}

// Crash is the panic value of an injected crash. errors.As finds it in the exit reason of the
// actor.
type Crash struct {
	Path  string
	Point string
	Msg   string // type of the message under way; "<nil>" in Init and Terminate
}

// Error implements error.
func (c *Crash) Error() string {
	return fmt.Sprintf("injected crash of %s at %q while handling %s", c.Path, c.Point, c.Msg)
}

// Shot is one crash that an Injector was ordered to make.
type Shot struct {
	in    *Injector
	path  string
	point string
	left  int
	hit   *Crash
}

// CrashAt orders a crash of the actor at path at its n-th point from now; 1 is the next.
func (i *Injector) CrashAt(path string, n int) *Shot { return i.CrashAtPoint(path, AnyPoint, n) }

// CrashAtPoint orders a crash of the actor at path when it passes the point with that name for the
// n-th time from now.
func (i *Injector) CrashAtPoint(path, point string, n int) *Shot {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.order(path, point, n)
}

// CrashWithin orders a crash of the actor at path at a random one of its next n points.
func (i *Injector) CrashWithin(path string, n int) *Shot {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.order(path, AnyPoint, 1+i.rng.IntN(max(n, 1)))
}

func (i *Injector) order(path, point string, n int) *Shot {
	s := &Shot{in: i, path: path, point: point, left: max(n, 1)}
	i.shots = append(i.shots, s)
	return s
}

// Points returns how many points the actor at path has passed, in all its incarnations.
func (i *Injector) Points(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.passed[path]
}

// Inject is the hook for supervisor.Options.Inject.
func (i *Injector) Inject(path, point string, msg any) {
	if crash := i.pass(path, point, msg); crash != nil {
		panic(crash)
	}
}

func (i *Injector) pass(path, point string, msg any) *Crash {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.passed[path]++
	for at, s := range i.shots {
		if s.path != path || s.point != AnyPoint && s.point != point {
			continue
		}
		if s.left--; s.left > 0 {
			continue
		}
		s.hit = &Crash{Path: path, Point: point, Msg: fmt.Sprintf("%T", msg)}
		i.shots = slices.Delete(i.shots, at, at+1)
		return s.hit
	}
	return nil
}

// Hit returns the crash, or false when the actor has not come to the point yet.
func (s *Shot) Hit() (Crash, bool) {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	if s.hit == nil {
		return Crash{}, false
	}
	return *s.hit, true
}

// Cancel withdraws the order and reports whether the crash was still to come.
func (s *Shot) Cancel() bool {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	at := slices.Index(s.in.shots, s)
	if at >= 0 {
		s.in.shots = slices.Delete(s.in.shots, at, at+1)
	}
	return at >= 0
}
