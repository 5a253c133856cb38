package roster

import (
	"maps"
	"slices"
	"time"

	"github.com/hublink-go/hublink/actors/fedecks/server/internal/cluster"
)

// Member is one connection in a [Roster]. The owner sets the exported fields before Join and does
// not change them.
type Member[S any] struct {
	Session S // what the owner knows the connection by
	Device  string
	Since   time.Time // when the request of the connection was judged

	number  uint64 // in the order of joining
	stamp   int64  // in the order of the cluster; 0: not stamped
	topics  map[string]struct{}
	meta    map[string]string
	gone    bool
	revoked bool
}

// Revoked reports whether the connection was revoked: it must get no token and has to end.
func (m *Member[S]) Revoked() bool { return m.revoked }

// Number returns the number of the connection; a later join has a higher one.
func (m *Member[S]) Number() uint64 { return m.number }

// Roster knows the connections of this node by device and by topic, and the devices of other nodes.
type Roster[S any] struct {
	node    string
	devices map[string][]*Member[S] // the oldest connection first; no list is empty
	joined  uint64                  // number of the newest connection
	topics  map[string]map[*Member[S]]struct{}
	remote  map[string][]remote // by device; no list is empty
	nodes   map[string]struct{} // other nodes that live
}

// New returns an empty roster of the node named node; "" for a server alone.
func New[S any](node string) Roster[S] {
	return Roster[S]{
		node:    node,
		devices: map[string][]*Member[S]{}, topics: map[string]map[*Member[S]]struct{}{},
		remote: map[string][]remote{}, nodes: map[string]struct{}{},
	}
}

// Join adds m; revoked means that it must get no token. It returns the older connections of the
// device, the oldest first, and whether the device came online with m.
func (r *Roster[S]) Join(m *Member[S], revoked bool) (older []S, came bool) {
	older, came = r.Of(m.Device), !r.Online(m.Device)
	r.joined++
	m.number, m.revoked = r.joined, revoked
	r.devices[m.Device] = append(r.devices[m.Device], m)
	return older, came
}

// Leave removes m and its subscriptions. It reports whether m was there, and whether the device
// went offline with it.
func (r *Roster[S]) Leave(m *Member[S]) (was, left bool) {
	i := slices.Index(r.devices[m.Device], m)
	if i < 0 {
		return false, false
	}
	rest := slices.Delete(r.devices[m.Device], i, i+1)
	if r.devices[m.Device] = rest; len(rest) == 0 {
		delete(r.devices, m.Device)
	}
	for topic := range m.topics {
		r.drop(m, topic)
	}
	m.topics, m.gone = nil, true
	return true, !r.Online(m.Device)
}

// Of returns the connections of device on this node, the oldest first.
func (r *Roster[S]) Of(device string) []S {
	return sessions(r.devices[device], func(*Member[S]) bool { return true })
}

// UpTo returns the connections of device on this node that are not newer than the one with number.
func (r *Roster[S]) UpTo(device string, number uint64) []S {
	return sessions(r.devices[device], func(m *Member[S]) bool { return m.number <= number })
}

// Revoke marks the connections of device on this node as revoked and returns those that were not
// marked before.
func (r *Roster[S]) Revoke(device string) []S {
	return sessions(r.devices[device], func(m *Member[S]) bool {
		was := m.revoked
		m.revoked = true
		return !was
	})
}

func sessions[S any](members []*Member[S], wanted func(*Member[S]) bool) (out []S) {
	for _, m := range members {
		if wanted(m) {
			out = append(out, m.Session)
		}
	}
	return out
}

// Subscribe adds m to topic, unless m has left.
func (r *Roster[S]) Subscribe(m *Member[S], topic string) {
	if m.gone {
		return
	}
	if m.topics == nil {
		m.topics = map[string]struct{}{}
	}
	m.topics[topic] = struct{}{}
	if r.topics[topic] == nil {
		r.topics[topic] = map[*Member[S]]struct{}{}
	}
	r.topics[topic][m] = struct{}{}
}

// Unsubscribe removes m from topic.
func (r *Roster[S]) Unsubscribe(m *Member[S], topic string) {
	delete(m.topics, topic)
	r.drop(m, topic)
}

func (r *Roster[S]) drop(m *Member[S], topic string) {
	delete(r.topics[topic], m)
	if len(r.topics[topic]) == 0 {
		delete(r.topics, topic)
	}
}

// Subscribers returns the connections of this node that subscribed to topic, in no order.
func (r *Roster[S]) Subscribers(topic string) []S {
	out := make([]S, 0, len(r.topics[topic]))
	for m := range r.topics[topic] {
		out = append(out, m.Session)
	}
	return out
}

// SetMeta sets what presence shows of m and reports whether m is still connected.
func (r *Roster[S]) SetMeta(m *Member[S], meta map[string]string) bool {
	m.meta = maps.Clone(meta)
	return !m.gone
}

// Stamp sets the place of connection number of device in the order of the cluster.
func (r *Roster[S]) Stamp(device string, number uint64, stamp int64) {
	for _, m := range r.devices[device] {
		if m.number == number {
			m.stamp = stamp
		}
	}
}

// Devices returns the devices that are connected to this node, in alphabetical order.
func (r *Roster[S]) Devices() []string { return slices.Sorted(maps.Keys(r.devices)) }

// Local returns what other nodes are told of device on this one, without a stamp, and the number of
// its newest connection. The zero Entry means that it is not connected here.
func (r *Roster[S]) Local(device string) (e cluster.Entry, newest uint64) {
	all := r.devices[device]
	if len(all) == 0 {
		return e, 0
	}
	last := all[len(all)-1]
	e = cluster.Entry{Sessions: len(all), Since: all[0].Since.UnixMicro(), Meta: last.meta}
	return e, last.number
}
