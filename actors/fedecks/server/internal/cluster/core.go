package cluster

import (
	"maps"
	"slices"
	"time"
)

// Times between nodes. The numbers are ours.
const (
	Beat  = 3 * time.Second // between two beats of a node
	Dead  = 8 * time.Second // silence after which a node counts as dead
	again = time.Second     // between two requests for the same state
)

// partBytes is the size after which a part of a state ends; the last change may exceed it.
const partBytes = 32 << 10

// Config configures a [Core].
type Config struct {
	Node     string        // name, unique in the cluster
	Epoch    int64         // greater than that of an earlier node of this name
	AllowAll bool          // a device may have several connections
	Life     time.Duration // how long revocations are kept; zero: for ever
}

// The kinds of input. The zero kind means that time has passed.
const (
	InStart    InputKind = iota + 1 // the first input
	InReceived                      // Message of another node arrived
	// Device has Entry on this node now; Newest is the number of its newest connection
	InLocal
	// tokens of Device made until Time are worthless; zero: until now by the clock of the cluster
	InRevoked
	InStop // the last input
)

// InputKind names an input.
type InputKind uint8

// Input is one thing that happened to a node. Kind says which fields are set.
type Input struct {
	Kind    InputKind
	Message Message
	Device  string
	Entry   Entry // without a Stamp, which the core sets
	Newest  uint64
	Time    int64
}

// The kinds of effects.
const (
	DoSend   EffectKind = iota + 1 // send Message to Node, or to all nodes when Node is empty
	DoRemote                       // Device has Entry on Node now
	DoStamp                        // the connection of Device with number Newest has the stamp Time
	// close the connections of Device on this node up to number Newest: Node has a newer one
	DoReplace
	// tokens of Device made until Time are worthless; close its connections on this node
	DoRevoke
	DoNodeUp // Node was heard for the first time
	// Node is silent, or stops; DoRemote has removed its devices before
	DoNodeDown
	DoConflict // another node has the name of this one
)

// EffectKind names an effect.
type EffectKind uint8

// Effect is one thing to do, in order. Kind says which fields are set.
type Effect struct {
	Kind    EffectKind
	Node    string
	Message Message
	Device  string
	Entry   Entry
	Newest  uint64
	Time    int64
	Bye     bool // of DoNodeDown: the node has announced that it stops
}

// Core is the view that one node has of the cluster. It belongs to one goroutine.
type Core struct {
	cfg     Config
	clock   hybrid
	seq     uint64 // number of the newest change of this node
	own     map[string]local
	peers   map[string]*peer
	revoked map[string]int64
	beat    time.Time // time of the next beat; zero: not started, or stopped
}

// local is a device that is connected to this node.
type local struct {
	entry  Entry
	newest uint64
}

// New returns a core that knows no other node.
func New(cfg Config) *Core {
	return &Core{
		cfg:     cfg,
		own:     map[string]local{},
		peers:   map[string]*peer{},
		revoked: map[string]int64{},
	}
}

// Deadline returns when Step has to be called at the latest; the zero time means that no time is
// set.
func (c *Core) Deadline() time.Time {
	next := c.beat
	for _, p := range c.peers {
		if dies := p.heard.Add(Dead); dies.Before(next) {
			next = dies
		}
	}
	return next
}

// Step takes in what happened at now and appends what to do to out. now must not go back.
func (c *Core) Step(now time.Time, in Input, out []Effect) []Effect {
	if c.beat.IsZero() && in.Kind != InStart {
		return out
	}
	switch in.Kind {
	case InStart:
		c.beat = now
	case InReceived:
		out = c.received(now, in.Message, out)
	case InLocal:
		out = c.changed(now, in, out)
	case InRevoked:
		out = c.revoke(now, in, out)
	case InStop:
		c.beat = time.Time{}
		clear(c.peers)
		return c.send(now, "", Message{Kind: KindBye}, out)
	}
	return c.passed(now, out)
}

// passed handles the times that have come.
func (c *Core) passed(now time.Time, out []Effect) []Effect {
	if late := now.Sub(c.Deadline()); late > Beat {
		// The process was asleep, and messages of the others may still wait for it. They are given the
		// time that it slept.
		for _, p := range c.peers {
			if p.heard = p.heard.Add(late); p.heard.After(now) {
				p.heard = now
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.peers)) {
		if p := c.peers[name]; now.Sub(p.heard) >= Dead {
			out = c.lose(name, p, false, out)
		}
	}
	if now.Before(c.beat) {
		return out
	}
	c.beat = now.Add(Beat)
	c.forget(now)
	return c.send(now, "", Message{Kind: KindBeat}, out)
}

// forget drops revocations whose tokens have expired.
func (c *Core) forget(now time.Time) {
	if c.cfg.Life <= 0 {
		return
	}
	before := now.Add(-c.cfg.Life).UnixMicro()
	maps.DeleteFunc(c.revoked, func(_ string, at int64) bool { return at < before })
}

func (c *Core) send(now time.Time, to string, m Message, out []Effect) []Effect {
	m.From, m.Epoch, m.Seq, m.Clock = c.cfg.Node, c.cfg.Epoch, c.seq, c.clock.now(now)
	return append(out, Effect{Kind: DoSend, Node: to, Message: m})
}

// announce sends one change of this node to all others.
func (c *Core) announce(now time.Time, ch Change, out []Effect) []Effect {
	c.seq++
	return c.send(now, "", Message{Kind: KindChange, Changes: []Change{ch}}, out)
}

// changed takes in a change of a device of this node.
func (c *Core) changed(now time.Time, in Input, out []Effect) []Effect {
	before, known := c.own[in.Device]
	if in.Entry.Sessions == 0 {
		if !known {
			return out
		}
		delete(c.own, in.Device)
		return c.announce(now, Change{Device: in.Device}, out)
	}
	after := local{entry: in.Entry, newest: max(in.Newest, before.newest)}
	if after.entry.Stamp = before.entry.Stamp; in.Newest > before.newest {
		after.entry.Stamp = c.clock.next(now)
		out = append(
			out,
			Effect{Kind: DoStamp, Device: in.Device, Newest: in.Newest, Time: after.entry.Stamp},
		)
	}
	if metaBytes(after.entry.Meta) > MaxMeta {
		after.entry.Meta = nil
	}
	c.own[in.Device] = after
	return c.announce(now, Change{Device: in.Device, Entry: after.entry}, out)
}

func (c *Core) revoke(now time.Time, in Input, out []Effect) []Effect {
	at := in.Time
	if at == 0 {
		at = c.clock.next(now)
	}
	if at <= c.revoked[in.Device] {
		return out
	}
	c.revoked[in.Device] = at
	out = append(out, Effect{Kind: DoRevoke, Device: in.Device, Time: at})
	return c.announce(now, Change{Device: in.Device, Revoked: at}, out)
}

// state sends the whole state of this node to node to, in consecutive parts.
func (c *Core) state(now time.Time, to string, out []Effect) []Effect {
	var parts [][]Change
	var part []Change
	size := 0
	add := func(ch Change) {
		if size > partBytes {
			parts, part, size = append(parts, part), nil, 0
		}
		part, size = append(part, ch), size+len(ch.Device)+metaBytes(ch.Entry.Meta)+100
	}
	for _, device := range slices.Sorted(maps.Keys(c.own)) {
		add(Change{Device: device, Entry: c.own[device].entry})
	}
	for _, device := range slices.Sorted(maps.Keys(c.revoked)) {
		add(Change{Device: device, Revoked: c.revoked[device]})
	}
	parts = append(parts, part)
	for i, part := range parts {
		out = c.send(now, to, Message{Kind: KindState, Part: i, Parts: len(parts), Changes: part}, out)
	}
	return out
}

func metaBytes(meta map[string]string) (n int) {
	for k, v := range meta {
		n += len(k) + len(v) + 10
	}
	return n
}

// hybrid is a clock that follows the clock that is most ahead in the cluster and returns no time
// twice. Its times are microseconds of Unix time.
type hybrid struct {
	ahead int64 // how far it is ahead of the clock of the machine
	last  int64 // the greatest time returned or seen
}

func (h *hybrid) now(t time.Time) int64 { return max(t.UnixMicro()+h.ahead, h.last) }

func (h *hybrid) next(t time.Time) int64 {
	h.last = max(t.UnixMicro()+h.ahead, h.last+1)
	return h.last
}

func (h *hybrid) seen(t time.Time, other int64) {
	h.ahead = max(h.ahead, other-t.UnixMicro())
	h.last = max(h.last, other)
}
