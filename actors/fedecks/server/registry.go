package server

import (
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/fedecks/server/internal/cluster"
	"github.com/hublink-go/hublink/actors/fedecks/server/internal/roster"
)

// Presence is one device that is connected to any node of the cluster.
type Presence struct {
	Device   string
	Since    time.Time         // of its oldest connection, by the clock of that node
	Sessions int               // its connections
	Meta     map[string]string // of its newest connection, see Session.SetMeta
	Node     string            // of its newest connection, see Cluster.Node; empty: a server alone
}

// registry keeps the roster and the revocations of a server under one lock. It tells the watchers
// of presence and the cluster what has changed.
type registry struct {
	node  string
	watch watch

	mu      sync.Mutex
	roster  roster.Roster[*Session]
	revoked roster.Revocations
	link    func(msg any) // takes what other nodes have to know; nil: there are none
}

func newRegistry(node string, keep time.Duration, log zerolog.Logger) *registry {
	return &registry{
		node: node, watch: watch{log: log},
		roster: roster.New[*Session](node), revoked: roster.NewRevocations(keep),
	}
}

// join adds s and returns the older connections of its device.
func (r *registry) join(s *Session) (older []*Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := &s.member
	older, came := r.roster.Join(m, r.revoked.Covers(m.Device, m.Since))
	r.announce(m.Device)
	if came {
		r.tell(m.Device, true, r.node)
	}
	return older
}

// leave removes s. A session that has left is ignored.
func (r *registry) leave(s *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	was, left := r.roster.Leave(&s.member)
	if was {
		r.announce(s.member.Device)
	}
	if left {
		r.tell(s.member.Device, false, r.node)
	}
}

// tell tells the watchers of presence that device came to node, or left it. The lock is held, so
// that they hear events in order.
func (r *registry) tell(device string, joined bool, node string) {
	r.watch.tell(PresenceEvent{Device: device, Joined: joined, At: time.Now(), Node: node})
}

// of returns the connections of device on this node.
func (r *registry) of(device string) []*Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.roster.Of(device)
}

func (r *registry) subscribe(s *Session, topic string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.roster.Subscribe(&s.member, topic)
}

func (r *registry) unsubscribe(s *Session, topic string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.roster.Unsubscribe(&s.member, topic)
}

// subscribers returns the connections of this node that subscribed to topic.
func (r *registry) subscribers(topic string) []*Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.roster.Subscribers(topic)
}

// setMeta sets what presence shows of s, and tells the cluster while s is connected.
func (r *registry) setMeta(s *Session, meta map[string]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.roster.SetMeta(&s.member, meta) {
		r.announce(s.member.Device)
	}
}

// connected reports whether a device is connected to any node.
func (r *registry) connected(device string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.roster.Online(device)
}

// revoke makes tokens of device that were signed at micros or before worthless, in microseconds of
// Unix time. It marks the connections of the device and returns those that were not marked before.
// A time that is not later than the known one changes nothing.
func (r *registry) revoke(device string, micros int64) (marked []*Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.revoked.Revoke(time.Now(), device, time.UnixMicro(micros)) {
		return nil
	}
	return r.roster.Revoke(device)
}

// revokedUntil returns the time up to which tokens of device are worthless.
func (r *registry) revokedUntil(device string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.revoked.Until(device)
}

// signAt returns the date of a token that is made now for s.
func (r *registry) signAt(s *Session) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.revoked.SignAt(time.Now(), s.member.Device)
}

// trusted reports whether s may be given a token. It is asked after the token was made: a token
// that was made before a revocation is worthless, and one made after it is refused here.
func (r *registry) trusted(s *Session) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !s.member.Revoked()
}

// announce tells the cluster what this node has of device now. The lock is held.
func (r *registry) announce(device string) {
	if r.link != nil {
		e, newest := r.roster.Local(device)
		r.link(local{device: device, entry: e, newest: newest})
	}
}

// announceRevoked tells the cluster that tokens of device made until now are worthless.
func (r *registry) announceRevoked(device string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.link != nil {
		r.link(revoking{device: device})
	}
}

// attach sets link as the way to the other nodes. It first tells link all devices of this node and
// all revocations.
func (r *registry) attach(link func(msg any)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.link = link
	for _, device := range r.roster.Devices() {
		r.announce(device)
	}
	for _, device := range r.revoked.Devices() {
		link(revoking{device: device, until: r.revoked.Until(device).UnixMicro()})
	}
}

// detach ends what attach began: the other nodes and their devices count as gone.
func (r *registry) detach() {
	r.mu.Lock()
	r.link = nil
	r.roster.ForgetNodes()
	places := r.roster.Places()
	r.mu.Unlock()
	for _, p := range places {
		r.setRemote(p.Node, p.Device, cluster.Entry{})
	}
}

// setRemote records what another node has of device.
func (r *registry) setRemote(node, device string, e cluster.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if changed, online := r.roster.SetRemote(node, device, e); changed {
		r.tell(device, online, node)
	}
}

// setNode records that another node lives, or does not.
func (r *registry) setNode(node string, up bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.roster.SetNode(node, up)
}

// setStamp records the place of a connection in the order of the cluster.
func (r *registry) setStamp(device string, number uint64, stamp int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.roster.Stamp(device, number, stamp)
}

// upTo returns the connections of device here that are not newer than the one with number.
func (r *registry) upTo(device string, number uint64) []*Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.roster.UpTo(device, number)
}

// elsewhere returns the other nodes that have device, the one with the newest connection first, and
// the number of its connections there.
func (r *registry) elsewhere(device string) (nodes []string, sessions int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.roster.Elsewhere(device)
}

// Online reports whether a device is connected to any node, and returns its presence.
func (s *Server) Online(device string) (Presence, bool) {
	s.reg.mu.Lock()
	defer s.reg.mu.Unlock()
	if !s.reg.roster.Online(device) {
		return Presence{}, false
	}
	return Presence(s.reg.roster.Presence(device)), true
}

// Presence returns the devices that are connected to any node, sorted by id.
func (s *Server) Presence() []Presence {
	s.reg.mu.Lock()
	all := s.reg.roster.All()
	s.reg.mu.Unlock()
	out := make([]Presence, len(all))
	for i, p := range all {
		out[i] = Presence(p)
	}
	return out
}

// Nodes returns the names of the nodes that live as far as this one knows, itself included, sorted.
// A server alone has none.
func (s *Server) Nodes() []string {
	if s.cfg.Cluster.Bus == nil {
		return nil
	}
	s.reg.mu.Lock()
	defer s.reg.mu.Unlock()
	return s.reg.roster.Nodes()
}
