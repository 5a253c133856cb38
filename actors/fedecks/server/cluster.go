package server

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/hublink-go/hublink/actors/fedecks/server/internal/cluster"
)

// Cluster makes a server one node of several, which share registry, push, broadcast and presence.
// The zero Cluster: a server alone.
type Cluster struct {
	Bus Bus // what the nodes talk over; nil: nobody to talk to
	// name, unique in the cluster: up to 64 letters, digits, - and _; empty: a random one, if there is
	// a Bus
	Node string
}

// Messages to the exchange. Lost ones are lost with it: its next incarnation begins with the state
// as it is then.
type (
	heard struct{ m cluster.Message } // from the bus
	local struct {                    // from the registry: a device here has changed
		device string
		entry  cluster.Entry
		newest uint64
	}
	revoking struct { // from the registry: tokens of a device are worthless
		device string
		until  int64 // those made until then; 0: until now
	}
)

// remote is what another node has of a device. Almost always there is one, so they are kept in a
// slice.
type remote struct {
	node  string
	entry cluster.Entry
}

// announce tells the cluster what has become of a device here; mu is held.
func (r *registry) announce(device string) {
	if r.link == nil {
		return
	}
	msg := local{device: device}
	if all := r.devices[device]; len(all) > 0 {
		newest := all[len(all)-1]
		msg.newest = newest.number
		msg.entry = cluster.Entry{Sessions: len(all), Since: all[0].since.UnixMicro(), Meta: newest.meta}
	}
	r.link(msg)
}

// attach makes link hear everything that others shall know, beginning with what is.
func (r *registry) attach(link func(msg any)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.link = link
	for _, device := range slices.Sorted(maps.Keys(r.devices)) {
		r.announce(device)
	}
	for _, device := range slices.Sorted(maps.Keys(r.revoking)) {
		link(revoking{device: device, until: r.revoking[device].until.UnixMicro()})
	}
}

// detach ends that, and forgets the other nodes.
func (r *registry) detach() {
	r.mu.Lock()
	r.link = nil
	clear(r.nodes)
	var gone []cluster.Effect
	for device, others := range r.remote {
		for _, o := range others {
			gone = append(gone, cluster.Effect{Device: device, Node: o.node})
		}
	}
	r.mu.Unlock()
	for _, e := range gone {
		r.setRemote(e.Node, e.Device, cluster.Entry{})
	}
}

// setRemote enters what another node has of a device.
func (r *registry) setRemote(node, device string, e cluster.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.online(device)
	others := slices.DeleteFunc(r.remote[device], func(o remote) bool { return o.node == node })
	if e.Sessions > 0 {
		others = append(others, remote{node: node, entry: e})
	}
	if r.remote[device] = others; len(others) == 0 {
		delete(r.remote, device)
	}
	if after := r.online(device); before != after {
		r.watch.tell(PresenceEvent{Device: device, Joined: after, At: time.Now(), Node: node})
	}
}

// setNode enters that another node lives, or does not.
func (r *registry) setNode(node string, up bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if up {
		r.nodes[node] = struct{}{}
	} else {
		delete(r.nodes, node)
	}
}

// setStamp enters the place of a session in the order of the cluster.
func (r *registry) setStamp(device string, number uint64, stamp int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.devices[device] {
		if s.number == number {
			s.stamp = stamp
		}
	}
}

// upTo gives the sessions of a device that are not newer than the one with a number.
func (r *registry) upTo(device string, number uint64) []*Session {
	return slices.DeleteFunc(r.of(device), func(s *Session) bool { return s.number > number })
}

// elsewhere gives the other nodes that have a device, and with how many connections, the newest
// first.
func (r *registry) elsewhere(device string) (nodes []string, sessions int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	others := slices.SortedFunc(
		slices.Values(r.remote[device]),
		func(a, b remote) int { return cmp.Compare(b.entry.Stamp, a.entry.Stamp) },
	)
	for _, o := range others {
		nodes, sessions = append(nodes, o.node), sessions+o.entry.Sessions
	}
	return nodes, sessions
}

// Nodes are the names of the nodes that live as far as this one knows, itself included, sorted. A
// server alone has none.
func (s *Server) Nodes() []string {
	if s.cfg.Cluster.Bus == nil {
		return nil
	}
	s.reg.mu.Lock()
	defer s.reg.mu.Unlock()
	all := append(slices.Collect(maps.Keys(s.reg.nodes)), s.reg.node)
	slices.Sort(all)
	return all
}
