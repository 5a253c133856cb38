package resend

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/tests/golden"
)

// pair is a channel, a connection, and the mailboxes between them.
type pair struct {
	window   Window
	taken    Taken
	tag      uint64 // the newest one of the channel
	gen      uint64
	up       bool
	toSocket []any // in the mailbox of the connection: Item, ask
	toTopic  []any // in the mailbox of the channel: Link, written
	lines    []string
}

type (
	ask     struct{} // of a new incarnation of the channel
	written struct{ tag uint64 }
)

func (p *pair) say(format string, args ...any) {
	p.lines = append(p.lines, fmt.Sprintf(format, args...))
}

func (p *pair) Deadline() time.Time { return time.Time{} }

func (p *pair) String() string {
	return fmt.Sprintf("window %d, last %d, taken %d", p.window.Len(), p.window.Last(), p.taken)
}

// Step carries out a line of a transcript.
func (p *pair) Step(t *testing.T, _ time.Time, words []string) []string {
	p.lines = nil
	switch what := strings.Join(words, " "); what {
	case "channel transmits":
		p.tag++
		p.send(p.window.Add(p.tag, protocol.Message{}))
	case "channel receives":
		p.channelReceives()
	case "channel crashes":
		p.window, p.tag, p.toTopic = Window{}, 0, nil
		p.toSocket = append(p.toSocket, ask{})
	case "connection receives":
		p.connectionReceives()
	case "connection crashes": // what it took over, and the socket, outlive it
		p.toSocket = nil
		p.report()
	case "socket opens":
		p.connectionReceives()
		p.gen, p.up = p.gen+1, true
		p.report()
	case "socket closes":
		p.up = false
		p.report()
	default:
		t.Fatalf("unknown line %q", what)
	}
	return p.lines
}

func (p *pair) send(it Item) {
	p.say("sends %d after %d", it.Tag, it.After)
	p.toSocket = append(p.toSocket, it)
}

func (p *pair) report() {
	p.toTopic = append(p.toTopic, Link{Gen: p.gen, Up: p.up, Taken: uint64(p.taken)})
}

func (p *pair) connectionReceives() {
	box := p.toSocket
	p.toSocket = nil
	for _, m := range box {
		switch m := m.(type) {
		case ask:
			p.taken.Restart()
			p.report()
		case Item:
			switch {
			case !p.taken.Take(m):
				p.say("refuses %d", m.Tag)
			case !p.up:
				p.say("drops %d", m.Tag)
			default:
				p.say("writes %d", m.Tag)
				p.toTopic = append(p.toTopic, written{m.Tag})
			}
		}
	}
}

func (p *pair) channelReceives() {
	box := p.toTopic
	p.toTopic = nil
	for _, m := range box {
		switch m := m.(type) {
		case written:
			p.window.Sent(m.tag)
		case Link:
			change, items := p.window.Link(m)
			p.say("%s", [...]string{"unchanged", "resend", "unknown", "opened", "closed"}[change])
			if change == Unknown {
				p.toSocket = append(p.toSocket, ask{})
			}
			for _, it := range items {
				p.send(it)
			}
		}
	}
}

func TestGolden(t *testing.T) {
	golden.Play(t, "resend", func() golden.Core { return &pair{} })
}

func TestTakenRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		taken Taken
		it    Item
		want  bool
	}{
		"the first":                          {0, Item{Tag: 1}, true},
		"the next":                           {4, Item{Tag: 5, After: 4}, true},
		"the next, all before it are out":    {4, Item{Tag: 5}, true},
		"a later one, those between are out": {4, Item{Tag: 9, After: 3}, true},
		"one that it took over":              {4, Item{Tag: 4, After: 3}, false},
		"one whose predecessor was lost":     {4, Item{Tag: 6, After: 5}, false},
	} {
		t.Run(name, func(t *testing.T) {
			taken := c.taken
			require.Equal(t, c.want, taken.Take(c.it))
			if c.want {
				require.EqualValues(t, c.it.Tag, taken)
			} else {
				require.Equal(t, c.taken, taken)
			}
		})
	}
}

func TestLinkTellsChanges(t *testing.T) {
	up := func(gen, taken uint64) Link { return Link{Gen: gen, Up: true, Taken: taken} }
	for name, c := range map[string]struct {
		before Link
		added  uint64
		now    Link
		want   Change
		sends  []uint64
	}{
		"no socket yet":               {Link{}, 0, Link{}, Unchanged, nil},
		"the first socket":            {Link{}, 0, up(1, 0), Opened, nil},
		"the same, nothing lost":      {up(1, 0), 2, up(1, 2), Unchanged, nil},
		"the same, the newest lost":   {up(1, 0), 2, up(1, 1), Resend, []uint64{2}},
		"the same, all lost":          {up(1, 0), 2, up(1, 0), Resend, []uint64{1, 2}},
		"another socket":              {up(1, 0), 2, up(2, 1), Opened, nil},
		"gone":                        {up(1, 0), 2, Link{Gen: 1, Taken: 2}, Closed, nil},
		"gone before the incarnation": {Link{}, 0, Link{Gen: 7}, Unchanged, nil},
		"tags of an earlier one":      {up(1, 0), 2, up(1, 3), Unknown, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var w Window
			w.Link(c.before)
			for tag := uint64(1); tag <= c.added; tag++ {
				w.Add(tag, protocol.Message{})
			}
			change, items := w.Link(c.now)
			require.Equal(t, c.want, change)
			var sends []uint64
			for _, it := range items {
				sends = append(sends, it.Tag)
			}
			require.Equal(t, c.sends, sends)
			if change == Opened || change == Closed {
				require.Zero(t, w.Len(), "a channel joins anew on another socket")
				require.Equal(t, c.now.Gen, w.Gen())
				require.Equal(t, c.now.Up, w.Up())
			}
		})
	}
}

func TestSentForgetsOne(t *testing.T) {
	var w Window
	for tag := uint64(1); tag <= 3; tag++ {
		w.Add(tag, protocol.Message{})
	}
	w.Sent(2)
	w.Sent(2)
	w.Sent(9)
	require.Equal(t, 2, w.Len())
	require.EqualValues(t, 3, w.Add(4, protocol.Message{}).After)
	for _, tag := range []uint64{1, 3, 4} {
		w.Sent(tag)
	}
	require.Nil(t, w.open, "an empty window keeps no memory")
	require.Zero(t, w.Add(5, protocol.Message{}).After)
}

// Whatever crashes and whatever is lost with it, the transmissions of an incarnation are written to
// a socket in order, once at most, and all of them when the crashes end.
func FuzzPair(f *testing.F) {
	f.Add([]byte{4, 1, 0, 0, 2, 0, 3, 1, 2, 1})
	f.Add([]byte{4, 1, 0, 6, 3, 0, 1, 2, 1, 0, 2})
	f.Add([]byte{4, 1, 0, 0, 3, 0, 2, 1, 2, 5, 1, 4, 1, 0, 3, 2, 1})
	f.Fuzz(func(t *testing.T, ops []byte) {
		p, newest := &pair{}, uint64(0) // written to this socket for this incarnation
		do := func(what string) {
			for _, l := range p.Step(t, time.Time{}, strings.Fields(what)) {
				if text, ok := strings.CutPrefix(l, "writes "); ok {
					tag, err := strconv.ParseUint(text, 10, 64)
					require.NoError(t, err)
					require.Greater(t, tag, newest, "twice or out of order")
					newest = tag
				}
			}
		}
		for _, op := range ops[:min(len(ops), 200)] {
			switch op % 7 {
			case 0:
				if p.window.Up() {
					do("channel transmits")
				}
			case 1:
				do("channel receives")
			case 2:
				do("connection receives")
			case 3:
				do("connection crashes")
			case 4:
				if !p.up {
					do("socket opens")
				}
			case 5:
				do("socket closes")
			case 6:
				do("connection receives") // what the old incarnation sent
				newest = 0
				do("channel crashes")
			}
		}
		if !p.up {
			do("socket opens")
		}
		for range 3 {
			do("connection receives")
			do("channel receives")
		}
		require.Zero(t, p.window.Len(), "all that was handed over went out")
		require.True(t, p.window.Up())
	})
}
