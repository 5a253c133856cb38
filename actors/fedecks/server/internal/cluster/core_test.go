package cluster_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hublink-go/hublink/actors/fedecks/server/internal/cluster"
)

func TestNewestConnectionWinsWhateverTheClocksSay(t *testing.T) {
	for _, skew := range []time.Duration{
		-24 * time.Hour, -time.Millisecond, 0, time.Millisecond,
		time.Hour,
	} {
		w := newWorld(t)
		w.start("a", skew, false)
		w.start("b", 0, false)
		for i, name := range []string{"a", "b", "a", "a", "b"} {
			w.join(name, "dev-1")
			w.deliver()
			require.Equal(t, []string{name}, w.where("dev-1"), "skew %s, connection %d", skew, i)
		}
		w.pass(time.Minute)
		w.agreed()
	}
}

// The message that tells of the connection is lost; the beat that follows heals the gap.
func TestLostChangeIsHealedByTheNextBeat(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.join("a", "dev-1")
	w.deliver()
	w.loss = 1
	w.join("b", "dev-1")
	w.deliver()
	require.Len(t, w.where("dev-1"), 2)
	w.loss = 0
	w.pass(cluster.Beat)
	require.Equal(t, []string{"b"}, w.where("dev-1"))
	w.agreed()
}

// The clock that is ahead counts between its beats too: what b stamps a second after it is later
// than what a stamped in between.
func TestClockOfTheOthersGoesOn(t *testing.T) {
	w := newWorld(t)
	w.start("a", time.Hour, false)
	w.start("b", 0, false)
	w.pass(cluster.Beat)
	w.pass(time.Second)
	w.loss = 1
	w.join("a", "dev-1")
	w.pass(time.Millisecond)
	w.join("b", "dev-1")
	w.loss = 0
	w.pass(2 * cluster.Beat)
	require.Equal(t, []string{"b"}, w.where("dev-1"))
}

func TestWordsOfTheDead(t *testing.T) {
	w := newWorld(t, "a", "b")
	old := w.nodes["a"].cfg.Epoch
	w.kill("a")
	w.now = w.now.Add(time.Second)
	w.start("a", 0, false)
	w.join("a", "dev-1")
	w.deliver()
	for _, kind := range []string{cluster.KindBye, cluster.KindChange} {
		late := cluster.Message{
			Kind:    kind,
			From:    "a",
			Epoch:   old,
			Seq:     2,
			Changes: []cluster.Change{{Device: "dev-1"}},
		}
		w.step("b", cluster.Input{Kind: cluster.InReceived, Message: late})
	}
	w.agreed()
	require.Contains(t, w.nodes["b"].remote["dev-1"], "a")
}

func TestConnectionsOfOneMomentHaveOneWinner(t *testing.T) {
	for range 3 {
		w := newWorld(t, "a", "b", "c")
		for _, name := range []string{"c", "a", "b"} {
			w.join(name, "dev-1") // none has heard of the other
		}
		w.deliver()
		require.Equal(t, []string{"c"}, w.where("dev-1"), "by name")
		w.agreed()
	}
}

func TestAllConnectionsLiveWhenTheyMay(t *testing.T) {
	w := newWorld(t)
	w.start("a", 0, true)
	w.start("b", 0, true)
	w.join("a", "dev-1")
	w.join("b", "dev-1")
	w.pass(time.Minute)
	require.Equal(t, []string{"a", "b"}, w.where("dev-1"))
	w.agreed()
}

func TestLateJoinerGetsTheState(t *testing.T) {
	w := newWorld(t, "a", "b")
	for i := range 5000 {
		w.join("a", dev(i))
	}
	w.step("a", cluster.Input{Kind: cluster.InRevoked, Device: "stolen"})
	w.deliver()
	w.kill("a") // b knows of the revocation
	w.pass(cluster.Dead + cluster.Beat)
	w.start("a", 0, false)
	for i := range 5000 {
		w.join("a", dev(i))
	}
	w.deliver()
	clear(w.sent)
	c := w.start("c", 0, false)
	w.agreed()
	require.Len(t, c.remote, 5000)
	require.Equal(t, w.nodes["b"].revoked["stolen"], c.revoked["stolen"])
	require.NotZero(t, c.revoked["stolen"])
	require.Greater(t, w.sent[cluster.KindState], 10, "in parts")
	require.Less(t, w.sent[cluster.KindState], 50)
	require.Equal(t, 2+2, w.sent[cluster.KindWant], "asked once by each and by the newcomer of each")
}

func TestDeadNodeIsMissedWithinTenSeconds(t *testing.T) {
	for i := range 31 { // wherever between two beats it dies
		w := newWorld(t, "a", "b", "c")
		w.join("a", "dev-1")
		w.deliver()
		w.pass(time.Duration(i) * 100 * time.Millisecond)
		w.kill("a")
		w.pass(5 * time.Second)
		require.Contains(t, w.nodes["b"].remote["dev-1"], "a", "two lost beats are no death")
		w.pass(5 * time.Second)
		w.agreed()
		require.Empty(t, w.nodes["b"].remote["dev-1"])
	}
}

func TestStopIsNoticedAtOnce(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.join("a", "dev-1")
	w.deliver()
	w.step("a", cluster.Input{Kind: cluster.InStop})
	require.True(t, w.nodes["a"].core.Deadline().IsZero())
	w.kill("a")
	w.deliver()
	w.agreed()
	require.Empty(t, w.nodes["b"].remote["dev-1"])
}

func TestNodeOfTheSameNameAfterARestart(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.join("a", "old")
	w.deliver()
	w.kill("a")
	w.now = w.now.Add(time.Second)
	w.start("a", 0, false)
	w.join("a", "new")
	w.deliver()
	w.agreed()
	require.Empty(t, w.nodes["b"].remote["old"])
}

// A node that comes back with a clock that was put back is not heard until the one before it counts
// as dead.
func TestNodeThatRestartsInItsPast(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.join("a", "old")
	w.deliver()
	w.kill("a")
	w.start("a", -time.Minute, false)
	w.join("a", "new")
	w.pass(cluster.Dead + 2*cluster.Beat)
	w.agreed()
	require.Empty(t, w.nodes["b"].remote["old"])
	require.Contains(t, w.nodes["b"].remote["new"], "a")
}

func TestTwoNodesOfOneNameAreSeen(t *testing.T) {
	w := newWorld(t, "a")
	w.step(
		"a",
		cluster.Input{
			Kind:    cluster.InReceived,
			Message: cluster.Message{Kind: cluster.KindBeat, From: "a", Epoch: 1},
		},
	)
	require.Equal(t, 1, w.nodes["a"].conflict)
	w.step(
		"a",
		cluster.Input{
			Kind:    cluster.InReceived,
			Message: cluster.Message{Kind: cluster.KindBeat, From: "a", Epoch: w.nodes["a"].cfg.Epoch},
		},
	)
	require.Equal(t, 1, w.nodes["a"].conflict, "its own words are none")
}

// A node that was stopped for a while (SIGSTOP, a suspended machine) does not take the others for
// dead when it wakes.
func TestWhoSleptDoesNotTakeOthersForDead(t *testing.T) {
	w := newWorld(t, "a", "b")
	w.join("b", "dev-1")
	w.deliver()
	w.now = w.now.Add(time.Hour)
	w.step("a", cluster.Input{})
	require.Contains(t, w.nodes["a"].remote["dev-1"], "b")
	w.kill("b")
	w.mail = nil
	w.pass(10 * time.Second)
	require.Empty(t, w.nodes["a"].remote["dev-1"], "who is dead is missed as ever")
}

func TestRevocationIsLaterThanTheClocksOfAll(t *testing.T) {
	w := newWorld(t)
	w.start("slow", -time.Minute, false)
	w.start("fast", time.Minute, false)
	token := w.now.Add(time.Minute).UnixMicro() // made by the fast node
	w.step("slow", cluster.Input{Kind: cluster.InRevoked, Device: "dev-1"})
	w.deliver()
	for name, n := range w.nodes {
		require.GreaterOrEqual(t, n.revoked["dev-1"], token, name)
	}
	w.pass(3 * time.Hour)
	require.Empty(t, stateOf(w, "fast"), "forgotten when all such tokens have expired")
}

// stateOf is what a node tells who asks.
func stateOf(w *world, name string) (all []cluster.Change) {
	ask := cluster.Message{Kind: cluster.KindWant, From: "z", Epoch: 1}
	for _, e := range w.nodes[name].core.Step(w.now.Add(w.nodes[name].skew),
		cluster.Input{Kind: cluster.InReceived, Message: ask}, nil) {
		if e.Message.Kind == cluster.KindState {
			all = append(all, e.Message.Changes...)
		}
	}
	return all
}

// Whatever happens (connections, losses, partitions, deaths, clocks that differ), nodes that hear
// each other again agree within a dead node's time, and every device has one connection at most.
func TestNodesAgreeInTheEnd(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		w.dice.Uint64()
		names := []string{"a", "b", "c", "d"}
		start := func(name string) {
			w.start(
				name,
				time.Duration(rapid.IntRange(-5000, 5000).Draw(rt, "skew"))*time.Millisecond,
				false,
			)
		}
		for _, name := range names {
			start(name)
		}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			alive := slices.Sorted(maps.Keys(w.nodes))
			name, device := rapid.SampledFrom(alive).
				Draw(rt, "node"),
				dev(
					rapid.IntRange(0, 4).Draw(rt, "device"),
				)
			switch rapid.SampledFrom([]string{
				"join", "join", "join", "leave", "pass", "deliver", "lose",
				"part", "heal", "kill", "start",
			}).Draw(rt, "what") {
			case "join":
				w.join(name, device)
			case "leave":
				w.leave(name, device)
			case "pass":
				w.pass(time.Duration(rapid.IntRange(1, 15_000).Draw(rt, "ms")) * time.Millisecond)
			case "deliver":
				w.deliver()
			case "lose":
				w.loss = rapid.Float64Range(0, 1).Draw(rt, "loss")
			case "part":
				w.cut = func(from, to string) bool { return (from < name) != (to < name) }
			case "heal":
				w.loss, w.cut = 0, func(_, _ string) bool { return false }
			case "kill":
				if len(w.nodes) > 1 {
					w.kill(name)
				}
			case "start":
				if missing := slices.DeleteFunc(slices.Clone(names),
					func(n string) bool { return slices.Contains(alive, n) }); len(
					missing,
				) > 0 {
					w.now = w.now.Add(20 * time.Second) // beyond what clocks differ by
					start(missing[0])
				}
			}
		}
		w.loss, w.cut = 0, func(_, _ string) bool { return false }
		w.pass(cluster.Dead + 2*cluster.Beat)
		w.agreed()
		for i := range 5 {
			require.LessOrEqual(t, len(w.where(dev(i))), 1, "connections of %s", dev(i))
		}
		quiet := maps.Clone(w.sent)
		w.pass(time.Minute)
		quiet[cluster.KindBeat] = w.sent[cluster.KindBeat]
		require.Equal(t, quiet, w.sent, "who agrees says no more than beats")
	})
}

func TestMessages(t *testing.T) {
	m := cluster.Message{
		Version: 1, Kind: cluster.KindChange, From: "a", Epoch: 5, Clock: 9, Seq: 1 << 40, Device: "d",
		Topic: "t", Data: []byte{0, 255}, Code: 1008, Reason: "r",
		Part: 1, Parts: 2, Changes: []cluster.Change{{Device: "x", Entry: cluster.Entry{
			Sessions: 2,
			Since:    1, Stamp: 3, Meta: map[string]string{"k": "v"},
		}}, {Device: "y", Revoked: 4}},
	}
	data, err := cluster.Encode(m)
	require.NoError(t, err)
	got, err := cluster.Decode(data)
	require.NoError(t, err)
	require.Equal(t, m, got)

	for name, bad := range map[string]cluster.Message{
		"no name": {}, "clock": {From: "a", Clock: 1 << 60},
		"stamp":    {From: "a", Changes: []cluster.Change{{Entry: cluster.Entry{Stamp: -1}}}},
		"sessions": {From: "a", Changes: []cluster.Change{{Entry: cluster.Entry{Sessions: -1}}}},
	} {
		data, err := cluster.Encode(bad)
		require.NoError(t, err)
		_, err = cluster.Decode(data)
		require.Error(t, err, name)
	}
	_, err = cluster.Decode([]byte(strings.Replace(string(data), "\x01v"+"a\x01", "\x01v"+"a\x02", 1)))
	require.ErrorIs(t, err, cluster.ErrVersion)
	_, err = cluster.Decode(nil)
	require.Error(t, err)
}

func FuzzMessages(f *testing.F) {
	for _, kind := range []string{
		cluster.KindBeat, cluster.KindChange, cluster.KindState,
		cluster.KindWant, cluster.KindBye,
	} {
		data, err := cluster.Encode(
			cluster.Message{
				Kind:    kind,
				From:    "b",
				Epoch:   1,
				Seq:     1,
				Parts:   1,
				Changes: []cluster.Change{{Device: "d", Entry: cluster.Entry{Sessions: 1, Stamp: 1}}},
			},
		)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, data)
	}
	f.Fuzz(func(t *testing.T, one, two []byte) {
		c := cluster.New(cluster.Config{Node: "a", Epoch: 1})
		now := time.Unix(1_700_000_000, 0)
		c.Step(now, cluster.Input{Kind: cluster.InStart}, nil)
		for _, data := range [][]byte{one, two, one} {
			m, err := cluster.Decode(data)
			if err != nil {
				continue
			}
			for _, e := range c.Step(now, cluster.Input{Kind: cluster.InReceived, Message: m}, nil) {
				if e.Kind == cluster.DoSend {
					if _, err := cluster.Encode(e.Message); err != nil {
						t.Fatal(err)
					}
				}
			}
			if d := c.Deadline(); d.Before(now) || d.After(now.Add(cluster.Dead)) {
				t.Fatal(fmt.Sprint("deadline ", d))
			}
		}
	})
}
