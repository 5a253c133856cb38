package roster

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/fedecks/server/internal/cluster"
	"github.com/hublink-go/hublink/tests/golden"
)

var epoch = golden.Epoch()

// desk plays a transcript: a roster with revocations, as the registry uses them.
type desk struct {
	roster  Roster[string]
	revoked Revocations
	members map[string]*Member[string]
	stamp   int64
}

func newDesk() *desk {
	return &desk{
		roster: New[string]("here"), revoked: NewRevocations(24 * time.Hour),
		members: map[string]*Member[string]{},
	}
}

func (d *desk) Deadline() time.Time { return time.Time{} }

func (d *desk) Step(t *testing.T, now time.Time, words []string) (lines []string) {
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	arg := func(i int) string {
		require.Greater(t, len(words), i, words)
		return words[i]
	}
	at := func(text string) time.Time {
		after, err := time.ParseDuration(text)
		require.NoError(t, err)
		return epoch.Add(after)
	}
	switch arg(0) {
	case "join": // join <session> <device> asked <time>
		m := &Member[string]{Session: arg(1), Device: arg(2), Since: now}
		if len(words) > 4 {
			m.Since = at(arg(4))
		}
		d.members[arg(1)] = m
		older, came := d.roster.Join(m, d.revoked.Covers(m.Device, m.Since))
		say("older %v, came online %t, revoked %t", older, came, m.Revoked())
	case "leave":
		was, left := d.roster.Leave(d.members[arg(1)])
		say("was there %t, went offline %t", was, left)
	case "remote": // remote <node> <device> <sessions>
		var e cluster.Entry
		if n := len(arg(3)); arg(3) != "0" {
			d.stamp++
			e = cluster.Entry{Sessions: n, Since: now.UnixMicro(), Stamp: d.stamp}
		}
		changed, online := d.roster.SetRemote(arg(1), arg(2), e)
		say("changed %t, online %t", changed, online)
	case "stamp":
		m := d.members[arg(1)]
		d.stamp++
		d.roster.Stamp(m.Device, m.Number(), d.stamp)
	case "revoke": // revoke <device> until <time>
		if !d.revoked.Revoke(now, arg(1), at(arg(3))) {
			say("known")
			break
		}
		say("closes %v", d.roster.Revoke(arg(1)))
	case "sign":
		signed := d.revoked.SignAt(now, arg(1))
		say("dated %v, good %t", signed.Sub(epoch), signed.After(d.revoked.Until(arg(1))))
	case "show":
		p := d.roster.Presence(arg(1))
		say("%s: %d since %v, newest on %s", p.Device, p.Sessions, p.Since.Sub(epoch), p.Node)
	case "elsewhere":
		nodes, n := d.roster.Elsewhere(arg(1))
		say("%d on %v", n, nodes)
	case "subscribe":
		d.roster.Subscribe(d.members[arg(1)], arg(2))
	case "unsubscribe":
		d.roster.Unsubscribe(d.members[arg(1)], arg(2))
	case "topic":
		all := d.roster.Subscribers(arg(1))
		slices.Sort(all)
		say("%v", all)
	default:
		t.Fatalf("unknown line %q", strings.Join(words, " "))
	}
	return lines
}

func TestRosterTranscripts(t *testing.T) {
	golden.Play(t, "roster", func() golden.Core { return newDesk() })
}

func TestLeavingLeavesNothing(t *testing.T) {
	r := New[string]("")
	m := &Member[string]{Session: "s", Device: "dev-1"}
	r.Join(m, false)
	r.Subscribe(m, "a")
	r.Subscribe(m, "b")
	r.Unsubscribe(m, "a")
	require.Len(t, r.topics, 1)
	was, left := r.Leave(m)
	require.True(t, was && left)
	was, left = r.Leave(m)
	require.False(t, was || left, "once")
	r.Subscribe(m, "late")
	require.False(t, r.SetMeta(m, map[string]string{"late": "1"}))
	require.Empty(t, r.topics)
	require.Empty(t, r.devices)
}

func TestUpTo(t *testing.T) {
	r := New[string]("")
	var all []*Member[string]
	for _, s := range []string{"a", "b", "c"} {
		m := &Member[string]{Session: s, Device: "dev-1"}
		r.Join(m, false)
		all = append(all, m)
	}
	older := r.UpTo("dev-1", all[1].Number())
	require.Equal(t, []string{"a", "b"}, older, "a newer one came meanwhile")
	require.Empty(t, r.UpTo("dev-2", all[1].Number()))
	require.Equal(t, []string{"a", "b", "c"}, r.Of("dev-1"))
}

func TestListsAreSorted(t *testing.T) {
	r := New[string]("m")
	for _, device := range []string{"z", "a"} {
		r.Join(&Member[string]{Device: device, Since: epoch}, false)
	}
	r.SetRemote("n", "k", cluster.Entry{Sessions: 2, Since: epoch.UnixMicro(), Stamp: 1})
	r.SetRemote("n", "a", cluster.Entry{Sessions: 1, Since: epoch.UnixMicro(), Stamp: 2})
	r.SetNode("n", true)
	r.SetNode("b", true)
	require.Equal(t, []string{"b", "m", "n"}, r.Nodes())
	r.SetNode("b", false)
	require.Equal(t, []string{"m", "n"}, r.Nodes())
	require.Equal(t, []string{"a", "z"}, r.Devices())
	require.Equal(t, []Place{{"n", "a"}, {"n", "k"}}, r.Places())
	var names []string
	for _, p := range r.All() {
		names = append(names, fmt.Sprintf("%s %d", p.Device, p.Sessions))
	}
	require.Equal(t, []string{"a 2", "k 2", "z 1"}, names)
	r.ForgetNodes()
	require.Equal(t, []string{"m"}, r.Nodes())
}

func TestLocalIsTheNewestConnection(t *testing.T) {
	r := New[string]("m")
	e, newest := r.Local("dev-1")
	require.Zero(t, e)
	require.Zero(t, newest)
	for i, s := range []string{"a", "b"} {
		m := &Member[string]{Session: s, Device: "dev-1", Since: epoch.Add(time.Duration(i) * time.Hour)}
		r.Join(m, false)
		require.True(t, r.SetMeta(m, map[string]string{"name": s}))
	}
	e, newest = r.Local("dev-1")
	want := cluster.Entry{Sessions: 2, Since: epoch.UnixMicro(), Meta: map[string]string{"name": "b"}}
	require.Equal(t, want, e)
	require.EqualValues(t, 2, newest)
}

func TestRevocationsAreForgottenWithTheTokens(t *testing.T) {
	r := NewRevocations(24 * time.Hour)
	for i := range 100 {
		now := epoch.Add(time.Duration(i) * time.Hour)
		r.Revoke(now, fmt.Sprintf("dev-%d", i), now)
	}
	require.Len(t, r.Devices(), 25)
	require.False(t, r.Until("dev-76").IsZero(), "its last token is good for another hour")
	require.True(t, r.Until("dev-0").IsZero())
}

// A device comes and goes in turn; presence counts all connections; what left is in no list.
func FuzzRoster(f *testing.F) {
	f.Add([]byte{0, 8, 1, 9, 3, 16, 4, 0, 2, 10})
	f.Add([]byte{0, 5, 3, 0, 1, 6, 2, 2, 4})
	f.Fuzz(func(t *testing.T, ops []byte) {
		r := New[int]("here")
		var members []*Member[int]
		online := map[string]bool{}
		turn := func(device string, changed, now bool) {
			require.Equal(t, changed, online[device] != now, "events come in turn")
			online[device] = now
			require.Equal(t, now, r.Online(device))
		}
		for i, op := range ops[:min(len(ops), 300)] {
			device := fmt.Sprintf("dev-%d", op/8%3)
			var one *Member[int]
			if len(members) > 0 {
				one = members[int(op/8)%len(members)]
			}
			switch op % 8 {
			case 0:
				m := &Member[int]{Session: i, Device: device, Since: epoch}
				members = append(members, m)
				older, came := r.Join(m, false)
				require.NotContains(t, older, i)
				turn(device, came, true)
			case 1, 2:
				if one != nil {
					was, left := r.Leave(one)
					require.True(t, was || !left)
					turn(one.Device, left, r.Online(one.Device))
				}
			case 3, 4:
				e := cluster.Entry{Sessions: int(op % 8 / 4), Stamp: int64(i)}
				changed, now := r.SetRemote(fmt.Sprintf("n%d", op/24%2), device, e)
				turn(device, changed, now)
			case 5:
				if one != nil {
					r.Subscribe(one, "t")
				}
			case 6:
				if one != nil {
					r.Stamp(one.Device, one.Number(), int64(i))
				}
			case 7:
				marked := r.Revoke(device)
				if r.Of(device) == nil {
					require.Empty(t, marked)
				}
				require.Empty(t, r.Revoke(device), "once")
			}
			total := 0
			for _, p := range r.All() {
				require.Positive(t, p.Sessions)
				_, there := r.Elsewhere(p.Device)
				require.Equal(t, len(r.Of(p.Device))+there, p.Sessions)
				total++
			}
			for _, m := range members {
				here := slices.Contains(r.Of(m.Device), m.Session)
				require.Equal(t, !m.gone, here)
				require.True(t, here || !slices.Contains(r.Subscribers("t"), m.Session))
			}
			for _, on := range online {
				if on {
					total--
				}
			}
			require.Zero(t, total, "all that are online are listed")
		}
	})
}

// Whatever the clocks say, a token that is made after a revocation counts, one made before does
// not, and a connection let in before does not go on.
func FuzzRevocations(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 200, 1, 2})
	f.Add([]byte{250, 0, 1, 2, 0, 1, 3})
	f.Fuzz(func(t *testing.T, ops []byte) {
		r := NewRevocations(time.Hour)
		now := epoch
		var before time.Time // date of the token made last, of the time before the last revocation
		for _, op := range ops[:min(len(ops), 300)] {
			now = now.Add(time.Duration(op) * time.Millisecond)
			switch op % 4 {
			case 0: // by a clock that is ahead
				until := now.Add(time.Duration(op) * time.Minute)
				if !r.Revoke(now, "dev-1", until) {
					require.False(t, until.After(r.Until("dev-1")))
				}
				require.True(t, r.Covers("dev-1", now) || !until.Equal(r.Until("dev-1")))
			case 1:
				before = r.SignAt(now, "dev-1")
				require.True(t, before.After(r.Until("dev-1")))
				require.True(t, before.Truncate(time.Millisecond).After(r.Until("dev-1")))
				require.False(t, before.Before(now))
			case 2: // by this node, dated after the tokens of this moment
				until := now.Add(time.Microsecond)
				if r.Revoke(now, "dev-1", until) && !before.After(now) {
					require.False(t, before.After(r.Until("dev-1")))
				}
			case 3:
				require.False(t, r.Covers("dev-1", now.Add(time.Nanosecond)), "asked after all of them")
				require.Equal(t, now, r.SignAt(now, "dev-2"))
			}
		}
	})
}
