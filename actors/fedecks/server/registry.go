package server

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Presence is one device that is connected.
type Presence struct {
	Device   string
	Since    time.Time // of its oldest connection
	Sessions int
	Meta     map[string]string // of its newest connection, see Session.SetMeta
}

// PresenceEvent is a device that came or went. A new connection that takes the place of an older one is neither.
type PresenceEvent struct {
	Device string
	Joined bool // else it left
	At     time.Time
}

// registry knows the sessions of this process: by device and by topic.
type registry struct {
	order sync.Mutex // held while watchers are told, so that they hear things in order; before mu

	mu       sync.Mutex
	devices  map[string][]*Session // oldest first
	topics   map[string]map[*Session]struct{}
	revoking map[string]time.Time
	watchers map[uint64]func(PresenceEvent)
	watch    uint64
}

func newRegistry() *registry {
	return &registry{
		devices: map[string][]*Session{}, topics: map[string]map[*Session]struct{}{},
		revoking: map[string]time.Time{}, watchers: map[uint64]func(PresenceEvent){},
	}
}

// join adds a session and gives the older ones of its device.
func (r *registry) join(s *Session) (older []*Session) {
	r.order.Lock()
	defer r.order.Unlock()
	r.mu.Lock()
	older = slices.Clone(r.devices[s.device])
	r.devices[s.device] = append(r.devices[s.device], s)
	r.mu.Unlock()
	if len(older) == 0 {
		r.tell(PresenceEvent{Device: s.device, Joined: true, At: time.Now()})
	}
	return older
}

func (r *registry) leave(s *Session) {
	r.order.Lock()
	defer r.order.Unlock()
	r.mu.Lock()
	i := slices.Index(r.devices[s.device], s)
	if i < 0 {
		r.mu.Unlock()
		return
	}
	left := slices.Delete(r.devices[s.device], i, i+1)
	if r.devices[s.device] = left; len(left) == 0 {
		delete(r.devices, s.device)
	}
	for topic := range s.topics {
		r.drop(s, topic)
	}
	s.topics, s.gone = nil, true
	r.mu.Unlock()
	if len(left) == 0 {
		r.tell(PresenceEvent{Device: s.device, At: time.Now()})
	}
}

// tell calls the watchers; order is held, mu is not.
func (r *registry) tell(e PresenceEvent) {
	r.mu.Lock()
	keys := slices.Sorted(maps.Keys(r.watchers))
	all := make([]func(PresenceEvent), len(keys))
	for i, k := range keys {
		all[i] = r.watchers[k]
	}
	r.mu.Unlock()
	for _, f := range all {
		f(e)
	}
}

func (r *registry) of(device string) []*Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.devices[device])
}

func (r *registry) subscribe(s *Session, topic string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.gone {
		return
	}
	if s.topics == nil {
		s.topics = map[string]struct{}{}
	}
	s.topics[topic] = struct{}{}
	if r.topics[topic] == nil {
		r.topics[topic] = map[*Session]struct{}{}
	}
	r.topics[topic][s] = struct{}{}
}

func (r *registry) unsubscribe(s *Session, topic string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(s.topics, topic)
	r.drop(s, topic)
}

// drop takes s off a topic; mu is held.
func (r *registry) drop(s *Session, topic string) {
	delete(r.topics[topic], s)
	if len(r.topics[topic]) == 0 {
		delete(r.topics, topic)
	}
}

func (r *registry) subscribers(topic string) []*Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.topics[topic]))
}

func (r *registry) revoke(device string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.revoking[device] = at
}

// revoked is when a device was last revoked; the zero time: never.
func (r *registry) revoked(device string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.revoking[device]
}

// presence describes a device; mu is held.
func (r *registry) presence(device string) Presence {
	all := r.devices[device]
	return Presence{Device: device, Since: all[0].since, Sessions: len(all), Meta: maps.Clone(all[len(all)-1].meta)}
}

// Online says whether a device is connected, and since when.
func (s *Server) Online(device string) (Presence, bool) {
	s.reg.mu.Lock()
	defer s.reg.mu.Unlock()
	if len(s.reg.devices[device]) == 0 {
		return Presence{}, false
	}
	return s.reg.presence(device), true
}

// Presence lists the devices that are connected, sorted by id.
func (s *Server) Presence() []Presence {
	s.reg.mu.Lock()
	defer s.reg.mu.Unlock()
	all := make([]Presence, 0, len(s.reg.devices))
	for device := range s.reg.devices {
		all = append(all, s.reg.presence(device))
	}
	slices.SortFunc(all, func(a, b Presence) int { return strings.Compare(a.Device, b.Device) })
	return all
}

// WatchPresence makes f be called for every device that comes or goes, one call at a time and in order, until cancel is called. f
// must not block: devices wait for it.
func (s *Server) WatchPresence(f func(PresenceEvent)) (cancel func()) {
	r := s.reg
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watch++
	key := r.watch
	r.watchers[key] = f
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.watchers, key)
	}
}
