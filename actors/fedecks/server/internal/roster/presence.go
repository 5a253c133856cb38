package roster

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/hublink-go/hublink/actors/fedecks/server/internal/cluster"
)

// remote is what another node has of a device. A device is on one node almost always, so they are
// kept in a slice.
type remote struct {
	node  string
	entry cluster.Entry
}

// Place is a device on another node.
type Place struct{ Node, Device string }

// SetRemote sets what node has of device; the zero Entry means that it has no connection. It
// reports whether the device came online or went offline with that, and whether it is online now.
func (r *Roster[S]) SetRemote(node, device string, e cluster.Entry) (changed, online bool) {
	before := r.Online(device)
	others := slices.DeleteFunc(r.remote[device], func(o remote) bool { return o.node == node })
	if e.Sessions > 0 {
		others = append(others, remote{node: node, entry: e})
	}
	if r.remote[device] = others; len(others) == 0 {
		delete(r.remote, device)
	}
	online = r.Online(device)
	return before != online, online
}

// Places returns all devices of other nodes, in alphabetical order.
func (r *Roster[S]) Places() (places []Place) {
	for _, device := range slices.Sorted(maps.Keys(r.remote)) {
		for _, o := range r.remote[device] {
			places = append(places, Place{Node: o.node, Device: device})
		}
	}
	return places
}

// SetNode records that another node lives, or does not.
func (r *Roster[S]) SetNode(node string, up bool) {
	if up {
		r.nodes[node] = struct{}{}
	} else {
		delete(r.nodes, node)
	}
}

// ForgetNodes records that no other node is known.
func (r *Roster[S]) ForgetNodes() { clear(r.nodes) }

// Nodes returns the names of this node and of the others that live, in alphabetical order.
func (r *Roster[S]) Nodes() []string {
	all := append(slices.Collect(maps.Keys(r.nodes)), r.node)
	slices.Sort(all)
	return all
}

// Elsewhere returns the other nodes that have device, the one with the newest connection first, and
// the number of its connections there.
func (r *Roster[S]) Elsewhere(device string) (nodes []string, sessions int) {
	others := r.remote[device]
	if len(others) == 0 {
		return nil, 0
	}
	others = slices.SortedFunc(slices.Values(others), func(a, b remote) int {
		return cmp.Compare(b.entry.Stamp, a.entry.Stamp)
	})
	for _, o := range others {
		nodes, sessions = append(nodes, o.node), sessions+o.entry.Sessions
	}
	return nodes, sessions
}

// Online reports whether device is connected to any node.
func (r *Roster[S]) Online(device string) bool {
	return len(r.devices[device])+len(r.remote[device]) > 0
}

// Presence is a device that is connected to any node.
type Presence struct {
	Device   string
	Since    time.Time         // of its oldest connection, by the clock of that node
	Sessions int               // its connections
	Meta     map[string]string // of its newest connection
	Node     string            // of its newest connection
}

// Presence returns what is known of device, which must be online.
func (r *Roster[S]) Presence(device string) Presence {
	p := Presence{Device: device}
	newest := int64(-1)
	add := func(node string, e cluster.Entry) {
		p.Sessions += e.Sessions
		if since := time.UnixMicro(e.Since); p.Since.IsZero() || since.Before(p.Since) {
			p.Since = since
		}
		if e.Stamp > newest {
			newest, p.Node, p.Meta = e.Stamp, node, e.Meta
		}
	}
	for _, o := range r.remote[device] {
		add(o.node, o.entry)
	}
	if all := r.devices[device]; len(all) > 0 {
		e, _ := r.Local(device)
		if e.Stamp = all[len(all)-1].stamp; e.Stamp == 0 {
			e.Stamp = math.MaxInt64 // newer than any other: the cluster has not stamped it yet
		}
		add(r.node, e)
		if len(all) == p.Sessions {
			p.Since = all[0].Since // with its zone
		}
	}
	p.Meta = maps.Clone(p.Meta)
	return p
}

// All returns the presence of all devices that are online, in alphabetical order.
func (r *Roster[S]) All() []Presence {
	all := make([]Presence, 0, len(r.devices)+len(r.remote))
	for device := range r.devices {
		all = append(all, r.Presence(device))
	}
	for device := range r.remote {
		if len(r.devices[device]) == 0 {
			all = append(all, r.Presence(device))
		}
	}
	slices.SortFunc(all, func(a, b Presence) int { return cmp.Compare(a.Device, b.Device) })
	return all
}
