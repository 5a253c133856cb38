package cluster_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/fedecks/server/internal/cluster"
)

// world is some nodes and what is between them, all in one goroutine.
type world struct {
	t     *testing.T
	now   time.Time
	nodes map[string]*node
	mail  []letter
	cut   func(from, to string) bool // these do not hear each other
	loss  float64
	dice  *rand.Rand
	sent  map[string]int // by kind
}

type letter struct {
	from, to string
	data     []byte
}

// node is a core and what a server around it would hold.
type node struct {
	core     *cluster.Core
	skew     time.Duration // of its clock
	cfg      cluster.Config
	newest   uint64
	sessions map[string]uint64                   // of a device: number of its connection
	remote   map[string]map[string]cluster.Entry // by device and node
	revoked  map[string]int64
	up       map[string]bool
	conflict int
	replaced []string
}

func newWorld(t *testing.T, names ...string) *world {
	w := &world{
		t: t, now: time.Unix(1_700_000_000, 0), nodes: map[string]*node{},
		dice: rand.New(rand.NewPCG(1, 2)),
		cut:  func(_, _ string) bool { return false }, sent: map[string]int{},
	}
	for _, name := range names {
		w.start(name, 0, false)
	}
	return w
}

func (w *world) start(name string, skew time.Duration, all bool) *node {
	n := &node{
		skew: skew, sessions: map[string]uint64{}, remote: map[string]map[string]cluster.Entry{},
		revoked: map[string]int64{}, up: map[string]bool{},
		cfg: cluster.Config{
			Node:     name,
			Epoch:    w.now.Add(skew).UnixMicro(),
			AllowAll: all,
			Life:     time.Hour,
		},
	}
	n.core = cluster.New(n.cfg)
	w.nodes[name] = n
	w.step(name, cluster.Input{Kind: cluster.InStart})
	w.deliver()
	return n
}

// kill ends a node without a word.
func (w *world) kill(name string) { delete(w.nodes, name) }

func (w *world) step(name string, in cluster.Input) {
	n := w.nodes[name]
	for _, e := range n.core.Step(w.now.Add(n.skew), in, nil) {
		switch e.Kind {
		case cluster.DoSend:
			data, err := cluster.Encode(e.Message)
			require.NoError(w.t, err)
			w.sent[e.Message.Kind]++
			for to := range maps.Keys(w.nodes) {
				if to != name && (e.Node == "" || e.Node == to) && !w.cut(name, to) &&
					w.dice.Float64() >= w.loss {
					w.mail = append(w.mail, letter{name, to, data})
				}
			}
		case cluster.DoRemote:
			if n.remote[e.Device] == nil {
				n.remote[e.Device] = map[string]cluster.Entry{}
			}
			n.remote[e.Device][e.Node] = e.Entry
			if e.Entry.Sessions == 0 {
				delete(n.remote[e.Device], e.Node)
			}
		case cluster.DoReplace:
			require.GreaterOrEqual(w.t, e.Newest, n.sessions[e.Device])
			n.replaced = append(n.replaced, e.Device)
			w.leave(name, e.Device)
		case cluster.DoRevoke:
			n.revoked[e.Device] = max(n.revoked[e.Device], e.Time)
		case cluster.DoNodeUp:
			n.up[e.Node] = true
		case cluster.DoNodeDown:
			delete(n.up, e.Node)
		case cluster.DoConflict:
			n.conflict++
		}
	}
}

// deliver carries all letters and what comes of them; those of one sender to one node in order.
func (w *world) deliver() {
	for rounds := 0; len(w.mail) > 0; rounds++ {
		require.Less(w.t, rounds, 100_000, "nodes talk without end")
		l := w.mail[0]
		w.mail = w.mail[1:]
		m, err := cluster.Decode(l.data)
		require.NoError(w.t, err)
		if w.nodes[l.to] != nil {
			w.step(l.to, cluster.Input{Kind: cluster.InReceived, Message: m})
		}
	}
}

// pass lets time go by, each node waking at its deadline.
func (w *world) pass(d time.Duration) {
	for end := w.now.Add(d); ; {
		next := end
		for _, n := range w.nodes {
			if at := n.core.Deadline().Add(-n.skew); at.Before(next) {
				next = at
			}
		}
		w.now = next
		for _, name := range slices.Sorted(maps.Keys(w.nodes)) {
			w.step(name, cluster.Input{})
		}
		w.deliver()
		if !next.Before(end) {
			return
		}
	}
}

func (w *world) join(name, device string) {
	n := w.nodes[name]
	n.newest++
	n.sessions[device] = n.newest
	w.step(
		name,
		cluster.Input{
			Kind:   cluster.InLocal,
			Device: device,
			Newest: n.newest,
			Entry:  cluster.Entry{Sessions: 1, Since: w.now.UnixMicro()},
		},
	)
}

func (w *world) leave(name, device string) {
	if n := w.nodes[name]; n.sessions[device] != 0 {
		delete(n.sessions, device)
		w.step(name, cluster.Input{Kind: cluster.InLocal, Device: device})
	}
}

// where gives the nodes on which a device is really connected.
func (w *world) where(device string) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(w.nodes)) {
		if w.nodes[name].sessions[device] != 0 {
			names = append(names, name)
		}
	}
	return names
}

// agreed checks that every node knows of every other what is true.
func (w *world) agreed() {
	for name, n := range w.nodes {
		for other, o := range w.nodes {
			if name == other {
				continue
			}
			require.True(w.t, n.up[other], "%s knows %s", name, other)
			seen := map[string]bool{}
			for device, at := range n.remote {
				if _, there := at[other]; there {
					seen[device] = true
				}
			}
			is := map[string]bool{}
			for device := range o.sessions {
				is[device] = true
			}
			require.Equal(w.t, is, seen, "what %s knows of %s", name, other)
		}
		for device, at := range n.remote {
			for other := range at {
				require.Contains(w.t, w.nodes, other, "%s knows nothing of dead nodes, as of %s", name, device)
			}
		}
	}
}

func dev(i int) string { return fmt.Sprintf("dev-%d", i) }
