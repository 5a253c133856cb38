package chaos

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/hublink-go/hublink/supervisor"
)

// killed is the panic of a kill. It is compared by address.
type killed struct{ target *target }

func (k *killed) Error() string { return "killed by the simulation" }

// target is a kill that waits for its victim.
type target struct {
	device string
	kind   Kind
	dead   chan struct{} // closed when the supervisor has reported the crash

	spare int
	path  string
	point string
	msg   string // type of the message under way
}

// injector crashes actors: it is the hook of a System at every point inside Receive, and the one
// for its events. All methods may be called from any goroutine.
type injector struct {
	mu     sync.Mutex
	armed  map[string]*target // by device; at most one each
	gaveUp int
}

func newInjector() *injector { return &injector{armed: map[string]*target{}} }

// arm makes t wait for its victim.
func (i *injector) arm(t *target) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.armed[t.device] = t
}

// disarm calls t off. False: it has struck meanwhile.
func (i *injector) disarm(t *target) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.armed[t.device] != t {
		return false
	}
	delete(i.armed, t.device)
	return true
}

// inject is supervisor.Options.Inject.
func (i *injector) inject(path, point string, msg any) {
	if msg == nil {
		return // not inside Receive
	}
	if k := i.strike(path, point, msg); k != nil {
		panic(k)
	}
}

func (i *injector) strike(path, point string, msg any) *killed {
	device, rest, _ := strings.Cut(path, "/")
	i.mu.Lock()
	defer i.mu.Unlock()
	t := i.armed[device]
	if t == nil || !t.kind.at(rest) {
		return nil
	}
	if t.spare--; t.spare >= 0 {
		return nil
	}
	delete(i.armed, device)
	t.path, t.point, t.msg = rest, point, fmt.Sprintf("%T", msg)
	return &killed{t}
}

// event is supervisor.Options.OnEvent.
func (i *injector) event(e supervisor.Event) {
	switch e.Kind {
	case supervisor.EventGaveUp:
		i.mu.Lock()
		i.gaveUp++
		i.mu.Unlock()
	case supervisor.EventExited:
		var k *killed
		if errors.As(e.Reason, &k) && e.Path == k.target.device+"/"+k.target.path {
			i.reported(k.target)
		}
	}
}

func (i *injector) reported(t *target) {
	i.mu.Lock()
	defer i.mu.Unlock()
	select {
	case <-t.dead: // a supervisor that gave up reports it again
	default:
		close(t.dead)
	}
}

// gaveUps is how many supervisors have given up.
func (i *injector) gaveUps() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.gaveUp
}
