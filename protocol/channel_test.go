package protocol

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/tests/golden"
)

type goldenChannel struct{ core Channel }

func (g *goldenChannel) Deadline() time.Time { return g.core.Deadline() }

func (g *goldenChannel) Step(t *testing.T, now time.Time, words []string) []string {
	in := ChannelInput{}
	if len(words) > 0 {
		kind, ok := map[string]ChannelInputKind{
			"up": ChannelUp, "down": ChannelDown, "params": ChannelParams, "sent": ChannelSent,
			"received": ChannelReceived,
			"push":     ChannelPush, "ask": ChannelPush, "leave": ChannelLeave, "rejoin": ChannelRejoin,
		}[words[0]]
		require.True(t, ok, words[0])
		in.Kind = kind
	}
	switch in.Kind {
	case ChannelUp:
		in.Gen, _ = strconv.ParseUint(words[1], 10, 64)
	case ChannelParams:
		in.Msg.Payload = []byte(words[1])
	case ChannelSent:
		in.Tag, _ = strconv.ParseUint(words[1], 10, 64)
		in.Ref = words[2]
	case ChannelReceived:
		in.Msg = parse(t, strings.Join(words[1:], " "))
	case ChannelPush:
		in.Reply = words[0] == "ask"
		in.Tag, _ = strconv.ParseUint(words[1], 10, 64)
		in.Msg = Message{Event: words[2], Payload: []byte(words[3])}
	default:
	}
	var lines []string
	for _, e := range g.core.Step(now, in, nil) {
		lines = append(lines, showChannel(t, e))
	}
	return append(lines, "state "+g.core.State().String()+" "+g.core.JoinRef())
}

func showChannel(t *testing.T, e ChannelEffect) string {
	switch e.Kind {
	case DoParams:
		return "params?"
	case DoTransmit:
		return fmt.Sprintf("transmit tag=%d %s", e.Tag, show(t, e.Msg))
	case DoJoined:
		return fmt.Sprintf("joined %s", e.Msg.Payload)
	case DoRefused:
		return fmt.Sprintf("refused %s%s", e.Msg.Payload, because(e.Cause))
	case DoEvent:
		return "event " + show(t, e.Msg)
	case DoPushed:
		return fmt.Sprintf("pushed %d", e.Tag)
	case DoReply:
		return fmt.Sprintf("reply %d ok=%v %s%s", e.Tag, e.OK, e.Msg.Payload, because(e.Cause))
	case DoPushTimeout:
		return fmt.Sprintf("push-timeout %d", e.Tag)
	case DoNotJoined:
		return fmt.Sprintf("not-joined %d", e.Tag)
	case DoErrored:
		return "errored" + because(e.Cause)
	case DoLeft:
		return "left"
	case DoReconnect:
		return "reconnect!"
	case DoStale:
		return "stale " + show(t, e.Msg)
	}
	t.Fatalf("unknown effect %d", e.Kind)
	return ""
}

func TestChannelGolden(t *testing.T) {
	golden.Play(t, "channel", func() golden.Core {
		return &goldenChannel{NewChannel(ChannelConfig{Topic: "device"}, newRand())}
	})
}

func TestChannelGoldenUnmatchedIsFinal(t *testing.T) {
	golden.Play(t, "channel_final", func() golden.Core {
		return &goldenChannel{
			NewChannel(ChannelConfig{Topic: "extensions", UnmatchedIsFinal: true}, newRand()),
		}
	})
}

// joinedChannel returns a channel that has joined under ref "1", with tag 1 for the join.
func joinedChannel(t testing.TB) Channel {
	c := NewChannel(ChannelConfig{Topic: "device"}, newRand())
	c.Step(epoch, ChannelInput{Kind: ChannelUp, Gen: 1}, nil)
	c.Step(epoch, ChannelInput{Kind: ChannelParams, Msg: Message{Payload: []byte(`{}`)}}, nil)
	c.Step(epoch, ChannelInput{Kind: ChannelSent, Tag: 1, Ref: "1"}, nil)
	c.Step(epoch, ChannelInput{Kind: ChannelReceived, Msg: reply("device", "1", "1")}, nil)
	require.Equal(t, Joined, c.State())
	return c
}

func TestChannelPendingRepliesAreBounded(t *testing.T) {
	c := joinedChannel(t)
	var timedOut []uint64
	for tag := uint64(1); tag <= pushesMax+3; tag++ {
		for _, e := range c.Step(epoch, ChannelInput{Kind: ChannelPush, Tag: tag, Reply: true}, nil) {
			if e.Kind == DoPushTimeout {
				timedOut = append(timedOut, e.Tag)
			}
		}
	}
	require.Equal(t, []uint64{1, 2, 3}, timedOut, "the oldest make room")
	out := c.Step(c.Deadline(), ChannelInput{}, nil)
	require.Len(t, out, pushesMax, "all others time out together")
	require.True(t, c.Deadline().IsZero())
}

func TestChannelRejoinDelaysGrowWithJitter(t *testing.T) {
	c := NewChannel(ChannelConfig{Topic: "device"}, newRand())
	c.Step(epoch, ChannelInput{Kind: ChannelUp, Gen: 1}, nil)
	now, reconnects := epoch, 0
	for n, base := range []int{1, 2, 5, 10, 10, 10, 10, 10, 10, 10} {
		c.Step(now, ChannelInput{Kind: ChannelParams}, nil)
		ref := refText(uint64(n + 1))
		c.Step(now, ChannelInput{Kind: ChannelSent, Tag: uint64(n + 1), Ref: ref}, nil)
		refusal := Message{
			Topic:   "device",
			JoinRef: ref,
			Ref:     ref,
			Event:   EventReply,
			Payload: []byte(`{"status":"error","response":{"error":"could not connect"}}`),
		}
		out := c.Step(now, ChannelInput{Kind: ChannelReceived, Msg: refusal}, nil)
		require.Equal(t, DoRefused, out[0].Kind)
		require.EqualError(t, out[0].Cause, "join device: refused by the hub: could not connect")
		if len(out) > 1 {
			require.Equal(t, DoReconnect, out[1].Kind)
			require.Zero(t, (n+1)%5, "every fifth failure")
			reconnects++
		}
		delay := c.Deadline().Sub(now)
		require.GreaterOrEqual(t, delay, time.Duration(base)*time.Second)
		require.LessOrEqual(t, delay, time.Duration(base)*1500*time.Millisecond)
		now = c.Deadline()
		out = c.Step(now, ChannelInput{}, nil)
		require.Equal(t, DoParams, out[0].Kind, "params are built anew")
	}
	require.Equal(t, 2, reconnects)
}

// A channel that crashes right after each join must not join once a second for ever; one that has
// held starts over.
func TestChannelJoinThatDoesNotHoldIsAFailure(t *testing.T) {
	crash := ChannelInput{
		Kind: ChannelReceived,
		Msg:  Message{Topic: "device", JoinRef: "1", Ref: "1", Event: EventError},
	}
	c := joinedChannel(t)
	c.failures = 4
	out := c.Step(epoch.Add(time.Second), crash, nil)
	require.Equal(t, DoErrored, out[0].Kind)
	require.ErrorIs(t, out[0].Cause, ErrChannelCrashed)
	require.Equal(t, DoReconnect, out[1].Kind)

	c = joinedChannel(t)
	c.failures = 4
	out = c.Step(epoch.Add(time.Minute), crash, nil)
	require.Len(t, out, 1)
	require.Equal(t, 1, c.Failures())
}

func TestChannelClockSetBack(t *testing.T) {
	c := joinedChannel(t)
	c.Step(epoch, ChannelInput{Kind: ChannelPush, Tag: 1, Reply: true}, nil)
	back := epoch.Add(-1000 * time.Hour)
	c.Step(back, ChannelInput{}, nil)
	require.Equal(t, back.Add(10*time.Second), c.Deadline())
	require.Equal(t, DoPushTimeout, c.Step(back.Add(10*time.Second), ChannelInput{}, nil)[0].Kind)
}

func TestChannelStepDoesNotAllocate(t *testing.T) {
	if raceDetector {
		t.Skip("SKIPPED: with the race detector, NOT checked: allocations; make test has a run without it")
	}
	c, out := joinedChannel(t), make([]ChannelEffect, 0, 8)
	event := ChannelInput{Kind: ChannelReceived, Msg: parse(t, `["1",null,"device","update",{}]`)}
	stale := ChannelInput{Kind: ChannelReceived, Msg: parse(t, `["7",null,"device","update",{}]`)}
	push := ChannelInput{
		Kind: ChannelPush,
		Msg:  Message{Event: "fwup_progress", Payload: []byte(`{}`)},
	}
	ask := push
	ask.Reply = true
	answer := ChannelInput{Kind: ChannelReceived, Msg: reply("device", "1", "2")}
	tests := map[string]func(){
		"event": func() { c.Step(epoch, event, out[:0]) },
		"stale": func() { c.Step(epoch, stale, out[:0]) },
		"push":  func() { c.Step(epoch, push, out[:0]) },
		"push and reply": func() {
			tag := c.Step(epoch, ask, out[:0])[0].Tag
			c.Step(epoch, ChannelInput{Kind: ChannelSent, Tag: tag, Ref: "2"}, out[:0])
			if got := c.Step(epoch, answer, out[:0]); len(got) != 1 || got[0].Kind != DoReply || !got[0].OK {
				t.Fatal("no reply")
			}
		},
	}
	for name, f := range tests {
		f()
		require.Zero(t, testing.AllocsPerRun(500, f), name)
	}
}

func BenchmarkChannelStep(b *testing.B) {
	out := make([]ChannelEffect, 0, 8)
	b.Run("event", func(b *testing.B) {
		b.ReportAllocs()
		c := joinedChannel(b)
		in := ChannelInput{
			Kind: ChannelReceived,
			Msg:  Message{JoinRef: "1", Topic: "device", Event: "update"},
		}
		for b.Loop() {
			c.Step(epoch, in, out[:0])
		}
	})
	b.Run("push", func(b *testing.B) {
		b.ReportAllocs()
		c := joinedChannel(b)
		in := ChannelInput{Kind: ChannelPush, Msg: Message{Event: "fwup_progress"}}
		for b.Loop() {
			c.Step(epoch, in, out[:0])
		}
	})
}

// FuzzChannel feeds any inputs at any times: no panic, tags rise by one, joined and lost alternate,
// every asked push is answered once.
func FuzzChannel(f *testing.F) {
	f.Add("u1 p s1:1 r1 e1 a9 s2:2 q2 x1 t9 l")
	f.Add("u1 p s1:1 n1 t2 p s2:2 r2 c2 j p d u2")
	f.Fuzz(func(t *testing.T, script string) {
		c, now := NewChannel(
			ChannelConfig{Topic: "device", UnmatchedIsFinal: len(script)%2 == 0},
			newRand(),
		), epoch
		var tag uint64
		joined, asked := false, map[uint64]bool{}
		for i, word := range strings.Fields(script[:min(len(script), 2000)]) {
			arg := word[1:]
			step, _ := strconv.Atoi(arg)
			now = now.Add(time.Duration(step%1000) * time.Second)
			in := fuzzInput(word[0], arg)
			if in.Kind == ChannelPush {
				in.Tag = uint64(i + 1)
				asked[in.Tag] = in.Reply
			}
			for _, e := range c.Step(now, in, nil) {
				switch e.Kind {
				case DoTransmit:
					require.Equal(t, tag+1, e.Tag)
					require.Equal(t, "device", e.Msg.Topic)
					require.True(
						t,
						e.Msg.Event == EventJoin || e.Msg.Event == EventLeave || e.Msg.JoinRef != "",
						"pushes carry their join_ref",
					)
					tag = e.Tag
				case DoJoined:
					require.False(t, joined && in.Kind != ChannelRejoin && c.State() != Joined)
					joined = true
				case DoErrored, DoLeft:
					joined = false
				case DoEvent:
					require.True(t, joined)
				case DoReply, DoPushTimeout:
					require.True(t, asked[e.Tag], "answered once, and only when asked")
					delete(asked, e.Tag)
				case DoNotJoined:
					require.NotEqual(t, Joined, c.State())
					delete(asked, e.Tag)
				case DoRefused:
					require.Error(t, e.Cause)
				default:
				}
			}
			if d := c.Deadline(); !d.IsZero() {
				require.True(t, d.After(now), "nothing is overdue after a step")
				require.LessOrEqual(t, d.Sub(now), 15*time.Second, "no deadline is out of reach")
			}
			require.LessOrEqual(t, len(c.pushes.list), pushesMax)
		}
	})
}

func fuzzInput(kind byte, arg string) ChannelInput {
	m := Message{Topic: "device", JoinRef: arg, Ref: arg, Event: EventReply}
	switch kind {
	case 'u':
		return ChannelInput{Kind: ChannelUp, Gen: uint64(len(arg))}
	case 'd':
		return ChannelInput{Kind: ChannelDown}
	case 'p':
		return ChannelInput{Kind: ChannelParams}
	case 's':
		tag, ref, _ := strings.Cut(arg, ":")
		n, _ := strconv.ParseUint(tag, 10, 64)
		return ChannelInput{Kind: ChannelSent, Tag: n, Ref: ref}
	case 'a':
		return ChannelInput{Kind: ChannelPush, Reply: true}
	case 'b':
		return ChannelInput{Kind: ChannelPush}
	case 'l':
		return ChannelInput{Kind: ChannelLeave}
	case 'j':
		return ChannelInput{Kind: ChannelRejoin}
	case 'r':
		m.Payload = []byte(`{"status":"ok","response":[]}`)
	case 'n':
		m.JoinRef, m.Payload = "", []byte(`{"status":"error","response":{"reason":"unmatched topic"}}`)
	case 'q':
		m.JoinRef, m.Payload = "", []byte(`{"status":`+arg)
	case 'e':
		m.Event, m.Ref = "update", ""
	case 'x':
		m.Event = EventError
	case 'c':
		m.Event = EventClose
	default:
		return ChannelInput{}
	}
	return ChannelInput{Kind: ChannelReceived, Msg: m}
}
