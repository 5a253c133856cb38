package cluster

import (
	"maps"
	"slices"
	"time"
)

// peer is another node as this one knows it.
type peer struct {
	epoch   int64
	heard   time.Time
	asked   time.Time // when its state was asked for; zero: not since the state was known
	known   bool      // the state up to seq is known
	seq     uint64
	devices map[string]Entry
	coming  *coming
}

// coming is a state of which parts are missing.
type coming struct {
	seq     uint64
	next    int // the part that is expected
	devices map[string]Entry
}

func (c *Core) received(now time.Time, m Message, out []Effect) []Effect {
	if m.From == c.cfg.Node {
		if m.Epoch != c.cfg.Epoch {
			out = append(out, Effect{Kind: DoConflict, Node: m.From})
		}
		return out
	}
	p := c.peers[m.From]
	switch {
	case p != nil && m.Epoch < p.epoch:
		return out // of an earlier node of this name
	case p != nil && m.Epoch > p.epoch:
		out = c.lose(m.From, p, false, out)
		p = nil
	}
	c.clock.seen(now, m.Clock)
	if m.Kind == KindBye {
		if p != nil {
			out = c.lose(m.From, p, true, out)
		}
		return out
	}
	if p == nil {
		p = &peer{epoch: m.Epoch, devices: map[string]Entry{}}
		c.peers[m.From] = p
		out = append(out, Effect{Kind: DoNodeUp, Node: m.From})
		out = c.send(now, m.From, Message{Kind: KindBeat}, out) // a new node learns of this one at once
	}
	p.heard = now
	switch m.Kind {
	case KindBeat:
		if !p.known || p.seq != m.Seq {
			out = c.ask(now, m.From, p, out)
		}
	case KindChange:
		out = c.follow(now, p, m, out)
	case KindState:
		out = c.collect(now, p, m, out)
	case KindWant:
		out = c.state(now, m.From, out)
	}
	return out
}

// lose removes a node and its devices.
func (c *Core) lose(name string, p *peer, bye bool, out []Effect) []Effect {
	delete(c.peers, name)
	for _, device := range slices.Sorted(maps.Keys(p.devices)) {
		out = append(out, Effect{Kind: DoRemote, Node: name, Device: device})
	}
	return append(out, Effect{Kind: DoNodeDown, Node: name, Bye: bye})
}

// ask asks a node for its whole state, unless it was asked a moment ago.
func (c *Core) ask(now time.Time, name string, p *peer, out []Effect) []Effect {
	p.known = false
	if !p.asked.IsZero() && now.Sub(p.asked) < again {
		return out
	}
	p.asked = now
	return c.send(now, name, Message{Kind: KindWant}, out)
}

// follow takes in the next changes of a node.
func (c *Core) follow(now time.Time, p *peer, m Message, out []Effect) []Effect {
	switch {
	case p.known && m.Seq <= p.seq:
		return out // known before
	case !p.known || m.Seq != p.seq+1:
		return c.ask(now, m.From, p, out)
	}
	p.seq = m.Seq
	for _, ch := range m.Changes {
		out = c.learn(m.From, p.devices, ch, out)
	}
	return out
}

// collect takes in a part of the state of a node. The last part replaces what was known of the
// node.
func (c *Core) collect(now time.Time, p *peer, m Message, out []Effect) []Effect {
	if p.known && m.Seq <= p.seq {
		return out
	}
	if m.Part == 0 {
		p.coming = &coming{seq: m.Seq, devices: map[string]Entry{}}
	}
	if p.coming == nil || p.coming.seq != m.Seq || p.coming.next != m.Part {
		p.coming = nil
		return c.ask(now, m.From, p, out)
	}
	p.coming.next++
	for _, ch := range m.Changes {
		if ch.Revoked != 0 {
			out = c.learn(m.From, nil, ch, out)
		} else if ch.Entry.Sessions > 0 {
			p.coming.devices[ch.Device] = ch.Entry
		}
	}
	if p.coming.next < m.Parts {
		return out
	}
	after := p.coming.devices
	p.known, p.seq, p.asked, p.coming = true, m.Seq, time.Time{}, nil
	for _, device := range slices.Sorted(maps.Keys(p.devices)) {
		if _, there := after[device]; !there {
			out = c.learn(m.From, p.devices, Change{Device: device}, out)
		}
	}
	for _, device := range slices.Sorted(maps.Keys(after)) {
		out = c.learn(m.From, p.devices, Change{Device: device, Entry: after[device]}, out)
	}
	return out
}

// learn takes in one change of a node, and decides whether a connection of this node is the older
// one.
func (c *Core) learn(node string, devices map[string]Entry, ch Change, out []Effect) []Effect {
	if ch.Revoked != 0 {
		if ch.Revoked > c.revoked[ch.Device] {
			c.revoked[ch.Device] = ch.Revoked
			out = append(out, Effect{Kind: DoRevoke, Device: ch.Device, Time: ch.Revoked})
		}
		return out
	}
	before := devices[ch.Device]
	if ch.Entry.Sessions == 0 {
		delete(devices, ch.Device)
	} else {
		devices[ch.Device] = ch.Entry
	}
	if !same(before, ch.Entry) {
		out = append(out, Effect{Kind: DoRemote, Node: node, Device: ch.Device, Entry: ch.Entry})
	}
	mine, here := c.own[ch.Device]
	if here && !c.cfg.AllowAll && ch.Entry.Sessions > 0 &&
		c.newer(ch.Entry.Stamp, node, mine.entry.Stamp) {
		out = append(out, Effect{Kind: DoReplace, Node: node, Device: ch.Device, Newest: mine.newest})
	}
	return out
}

// newer reports whether a connection on another node is newer than one with stamp mine on this one.
func (c *Core) newer(stamp int64, node string, mine int64) bool {
	return stamp > mine || stamp == mine && node > c.cfg.Node
}

func same(a, b Entry) bool {
	return a.Sessions == b.Sessions && a.Since == b.Since && a.Stamp == b.Stamp &&
		maps.Equal(a.Meta, b.Meta)
}
