package hubtest

import (
	"slices"
	"sync"
)

// registry holds the hub's devices, sockets and goroutines. Its lock may be taken while a device's
// lock is held, never the other way round.
type registry struct {
	done chan struct{} // closed when the hub closes
	wg   sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	settings *settings
	devices  map[string]*Device
	order    []*Device // as they were created; only appended to
	links    map[*link]struct{}
	emptied  chan struct{} // nil: the hub does not stop; closed when its last link has gone
}

func (r *registry) init(s *settings) {
	r.done, r.settings = make(chan struct{}), s
	r.devices, r.links = make(map[string]*Device), make(map[*link]struct{})
}

// close marks the registry closed and returns the sockets. False means that it was closed before.
func (r *registry) close() ([]*link, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, false
	}
	r.closed = true
	close(r.done)
	return r.allLinks(), true
}

// stop lets no more sockets in. The result is closed when the last one has gone.
func (r *registry) stop() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.emptied == nil {
		r.emptied = make(chan struct{})
		if len(r.links) == 0 {
			close(r.emptied)
		}
	}
	return r.emptied
}

// enter makes Close wait for a leave. False means that the hub is closed.
func (r *registry) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.wg.Add(1)
	return true
}

func (r *registry) leave() { r.wg.Done() }

// spawn starts a goroutine that Close waits for. False means that the hub is closed.
func (r *registry) spawn(f func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.wg.Go(f)
	return true
}

// add registers a link, which Close waits for. False means that the hub lets none in any more.
func (r *registry) add(l *link) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.emptied != nil {
		return false
	}
	r.links[l] = struct{}{}
	r.wg.Add(1)
	return true
}

// forget removes a link that has ended.
func (r *registry) forget(l *link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.links, l)
	if r.emptied != nil && len(r.links) == 0 {
		close(r.emptied) // once: add refuses links while the hub stops
	}
}

// allLinks lists the sockets; the lock is held.
func (r *registry) allLinks() []*link {
	links := make([]*link, 0, len(r.links))
	for l := range r.links {
		links = append(links, l)
	}
	return links
}

// online lists the sockets.
func (r *registry) online() []*link {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.allLinks()
}

// list returns the devices, oldest first. The caller must not change the slice.
func (r *registry) list() []*Device {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.order
}

// current returns the settings of devices that have none of their own.
func (r *registry) current() *settings {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.settings
}

// configure changes the settings of all devices that have none of their own.
func (r *registry) configure(change func(*settings)) {
	r.mu.Lock()
	old, next := r.settings, *r.settings
	change(&next)
	r.settings = &next
	devices := slices.Clone(r.order)
	r.mu.Unlock()
	for _, d := range devices {
		d.mu.Lock()
		if d.state.settings == old {
			d.state.settings = &next
		}
		d.mu.Unlock()
	}
}
