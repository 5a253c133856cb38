package server

import (
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/fedecks/server/internal/cluster"
)

// Presence is one device that is connected, to whichever node of the cluster.
type Presence struct {
	Device   string
	Since    time.Time // of its oldest connection, by the clock of its node
	Sessions int
	Meta     map[string]string // of its newest connection, see Session.SetMeta
	// of its newest connection, see Cluster.Node; empty: this server, which is alone
	Node string
}

// registry knows the sessions of this process, by device and by topic, and what other nodes have
// told of theirs.
type registry struct {
	node  string
	watch watch

	mu       sync.Mutex
	devices  map[string][]*Session // oldest first
	joined   uint64                // number of the newest session
	topics   map[string]map[*Session]struct{}
	revoking map[string]revocation
	keep     time.Duration // how long revocations matter: as long as tokens live
	swept    time.Time     // when those that do not were last looked for

	// Of the cluster; see cluster.go.
	remote map[string][]remote // by device; none is empty
	nodes  map[string]struct{} // others that live
	link   func(msg any)       // takes what others shall know; nil: nobody to tell
}

func newRegistry(node string, keep time.Duration, log zerolog.Logger) *registry {
	return &registry{
		node: node, keep: keep, watch: watch{log: log},
		devices: map[string][]*Session{}, topics: map[string]map[*Session]struct{}{},
		revoking: map[string]revocation{},
		remote:   map[string][]remote{}, nodes: map[string]struct{}{},
	}
}

// join adds a session and gives the older ones of its device.
func (r *registry) join(s *Session) (older []*Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	older = slices.Clone(r.devices[s.device])
	r.joined++
	s.number = r.joined
	if rev, ok := r.revoking[s.device]; ok && !s.since.After(rev.heard) {
		s.revoked = true // judged before the revocation
	}
	r.devices[s.device] = append(r.devices[s.device], s)
	r.announce(s.device)
	if len(older) == 0 && len(r.remote[s.device]) == 0 {
		r.watch.tell(PresenceEvent{Device: s.device, Joined: true, At: time.Now(), Node: r.node})
	}
	return older
}

func (r *registry) leave(s *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.devices[s.device], s)
	if i < 0 {
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
	if len(left) == 0 && len(r.remote[s.device]) == 0 {
		r.watch.tell(PresenceEvent{Device: s.device, At: time.Now(), Node: r.node})
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
	return cluster.Entry{
		Sessions: len(all),
		Since:    all[0].since.UnixMicro(),
		Stamp:    stamp,
	}, newest.meta
}

// online says whether a device is connected somewhere; mu is held.
func (r *registry) online(device string) bool {
	return len(r.devices[device])+len(r.remote[device]) > 0
}

// connected reports whether a device is connected to any node.
func (r *registry) connected(device string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.online(device)
}

// Online reports whether a device is connected, and returns since when.
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
