package server

import (
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hublink-go/hublink/actors/fedecks/server/internal/cluster"
)

// Presence is one device that is connected, to whichever node of the cluster.
type Presence struct {
	Device   string
	Since    time.Time // of its oldest connection, by the clock of its node
	Sessions int
	Meta     map[string]string // of its newest connection, see Session.SetMeta
	Node     string            // of its newest connection, see Cluster.Node; empty: this server, which is alone
}

// PresenceEvent is a device that came or went. A new connection that takes the place of an older one is neither.
type PresenceEvent struct {
	Device string
	Joined bool // else it left
	At     time.Time
	Node   string // to which it came, or where its last connection was; see Cluster.Node
}

// registry knows the sessions of this process, by device and by topic, and what other nodes have told of theirs.
type registry struct {
	node  string
	order sync.Mutex // held while watchers are told, so that they hear things in order; before mu

	mu       sync.Mutex
	devices  map[string][]*Session // oldest first
	joined   uint64                // number of the newest session
	topics   map[string]map[*Session]struct{}
	revoking map[string]revocation
	watchers map[uint64]func(PresenceEvent)
	watch    uint64

	// Of the cluster; see cluster.go.
	remote map[string][]remote // by device; none is empty
	nodes  map[string]struct{} // others that live
	link   func(msg any)       // takes what others shall know; nil: nobody to tell
}

func newRegistry() *registry {
	return &registry{
		devices: map[string][]*Session{}, topics: map[string]map[*Session]struct{}{},
		revoking: map[string]revocation{}, watchers: map[uint64]func(PresenceEvent){},
		remote: map[string][]remote{}, nodes: map[string]struct{}{},
	}
}

// join adds a session and gives the older ones of its device.
func (r *registry) join(s *Session) (older []*Session) {
	r.order.Lock()
	defer r.order.Unlock()
	r.mu.Lock()
	older = slices.Clone(r.devices[s.device])
	r.joined++
	s.number = r.joined
	if rev, ok := r.revoking[s.device]; ok && !s.since.After(rev.heard) {
		s.revoked = true // judged before the revocation
	}
	r.devices[s.device] = append(r.devices[s.device], s)
	r.announce(s.device)
	first := len(older) == 0 && len(r.remote[s.device]) == 0
	r.mu.Unlock()
	if first {
		r.tell(PresenceEvent{Device: s.device, Joined: true, At: time.Now(), Node: r.node})
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
	r.announce(s.device)
	last := len(left) == 0 && len(r.remote[s.device]) == 0
	r.mu.Unlock()
	if last {
		r.tell(PresenceEvent{Device: s.device, At: time.Now(), Node: r.node})
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

// presence describes a device that is connected somewhere; mu is held.
func (r *registry) presence(device string) Presence {
	p := Presence{Device: device}
	newest := int64(-1)
	add := func(node string, e cluster.Entry, meta map[string]string) {
		p.Sessions += e.Sessions
		if since := time.UnixMicro(e.Since); p.Since.IsZero() || since.Before(p.Since) {
			p.Since = since
		}
		if e.Stamp > newest {
			newest, p.Node, p.Meta = e.Stamp, node, meta
		}
	}
	for _, o := range r.remote[device] {
		add(o.node, o.entry, o.entry.Meta)
	}
	if all := r.devices[device]; len(all) > 0 {
		e, meta := r.entry(device)
		add(r.node, e, meta)
		if len(all) == p.Sessions {
			p.Since = all[0].since // with its zone
		}
	}
	p.Meta = maps.Clone(p.Meta)
	return p
}

// entry is what this process has of a device; mu is held.
func (r *registry) entry(device string) (cluster.Entry, map[string]string) {
	all := r.devices[device]
	newest := all[len(all)-1]
	stamp := newest.stamp
	if stamp == 0 {
		stamp = math.MaxInt64 // so new that nobody has stamped it yet
	}
	return cluster.Entry{Sessions: len(all), Since: all[0].since.UnixMicro(), Stamp: stamp}, newest.meta
}

// online says whether a device is connected somewhere; mu is held.
func (r *registry) online(device string) bool {
	return len(r.devices[device])+len(r.remote[device]) > 0
}

// Online says whether a device is connected, and since when.
func (s *Server) Online(device string) (Presence, bool) {
	s.reg.mu.Lock()
	defer s.reg.mu.Unlock()
	if !s.reg.online(device) {
		return Presence{}, false
	}
	return s.reg.presence(device), true
}

// Presence lists the devices that are connected, sorted by id.
func (s *Server) Presence() []Presence {
	s.reg.mu.Lock()
	defer s.reg.mu.Unlock()
	all := make([]Presence, 0, len(s.reg.devices)+len(s.reg.remote))
	for device := range s.reg.devices {
		all = append(all, s.reg.presence(device))
	}
	for device := range s.reg.remote {
		if len(s.reg.devices[device]) == 0 {
			all = append(all, s.reg.presence(device))
		}
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
