package cluster

import (
	"maps"
	"slices"
	"time"
)

// Times of the exchange: a node that is killed right after a beat is missed after Dead.
const (
	Beat  = 3 * time.Second // between two beats
	Dead  = 8 * time.Second // without a sign of a node until it counts as dead
	again = time.Second     // between two questions for the same state
)

// partBytes bounds one part of a state, roughly.
const partBytes = 32 << 10

// Config of a core.
type Config struct {
	Node     string        // name, unique in the cluster
	Epoch    int64         // greater than that of the node of this name before
	AllowAll bool          // several connections of a device live side by side
	Life     time.Duration // how long revocations matter; zero: for ever
}

// Kinds of input. The zero kind says that time has passed.
const (
	InStart    InputKind = iota + 1 // first of all
	InReceived                      // Message of another node
	// Device has Entry here now; Newest is the number of its newest connection
	InLocal
	// tokens of Device made until Time are worthless; zero: until now by the cluster's clock
	InRevoked
	InStop // last of all
)

// InputKind says what happened.
type InputKind uint8

// Input is what happened.
type Input struct {
	Kind    InputKind
	Message Message
	Device  string
	Entry   Entry // Stamp is the core's to give
	Newest  uint64
	Time    int64
}

// Kinds of effects.
const (
	DoSend   EffectKind = iota + 1 // Message to Node, or to all if that is empty
	DoRemote                       // Device has Entry on Node now
	DoStamp                        // the connection of Device with number Newest has the stamp Time
	// close the connections of Device here up to number Newest: there is a newer one on Node
	DoReplace
	// tokens of Device made until Time are worthless; close its connections here
	DoRevoke
	DoNodeUp // Node is heard
	// Node is not heard any more, or has said that it stops; its devices have gone before
	DoNodeDown
	DoConflict // another node has this one's name
)

// EffectKind says what is to be done.
type EffectKind uint8

// Effect is what is to be done, in order.
type Effect struct {
	Kind    EffectKind
	Node    string
	Message Message
	Device  string
	Entry   Entry
	Newest  uint64
	Time    int64
	Bye     bool // of DoNodeDown: it said so
}

// Core is one node's view of the cluster. It belongs to one goroutine.
type Core struct {
	cfg     Config
	clock   hybrid
	seq     uint64 // of the last change
	own     map[string]local
	peers   map[string]*peer
	revoked map[string]int64
	beat    time.Time // next; zero: not started, or stopped
}

// local is a device that is connected here.
type local struct {
	entry  Entry
	newest uint64
}

// New gives a core that has heard nothing yet.
func New(cfg Config) *Core {
	return &Core{
		cfg:     cfg,
		own:     map[string]local{},
		peers:   map[string]*peer{},
		revoked: map[string]int64{},
	}
}

// Deadline is when Step wants to be called again; zero: never.
func (c *Core) Deadline() time.Time {
	next := c.beat
	for _, p := range c.peers {
		if dies := p.heard.Add(Dead); dies.Before(next) {
			next = dies
		}
	}
	return next
}

// Step appends what is to be done to out. Times are never earlier than before.
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

// passed does what is due.
func (c *Core) passed(now time.Time, out []Effect) []Effect {
	if late := now.Sub(c.Deadline()); late > Beat {
		// This node was asleep, so what the others said may still be waiting: they are given the time
		// that it slept.
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

// forget drops revocations of tokens that have expired since.
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

// announce sends one change of this node's.
func (c *Core) announce(now time.Time, ch Change, out []Effect) []Effect {
	c.seq++
	return c.send(now, "", Message{Kind: KindChange, Changes: []Change{ch}}, out)
}

// changed takes what has become of a device here.
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

// state is all that this node knows of itself, in parts that follow each other.
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

// hybrid is a clock that runs with that of the node that is most ahead, and never gives a time
// twice. Microseconds of Unix time.
type hybrid struct {
	ahead int64 // of the machine's clock
	last  int64 // greatest time given or seen
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
