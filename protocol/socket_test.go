package protocol

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/tests/golden"
)

type goldenSocket struct{ core Socket }

func (g *goldenSocket) Deadline() time.Time { return g.core.Deadline() }

func (g *goldenSocket) Step(t *testing.T, now time.Time, words []string) []string {
	in := SocketInput{}
	if len(words) > 0 {
		kind, ok := map[string]SocketInputKind{
			"start": SocketStart, "opened": SocketOpened, "dial-failed": SocketDialFailed,
			"received": SocketReceived,
			"transmit": SocketTransmit, "lost": SocketLost, "joined": SocketJoined,
			"reconnect": SocketReconnect, "stop": SocketStop,
		}[words[0]]
		require.True(t, ok, words[0])
		in.Kind = kind
	}
	switch in.Kind {
	case SocketReceived, SocketTransmit:
		in.Msg, in.Tag = parse(t, strings.Join(words[1:], " ")), 7
	case SocketLost:
		in.Code, _ = strconv.Atoi(words[1])
	case SocketDialFailed:
		in.Cause = errors.New("refused")
		if len(words) > 1 {
			in.After, _ = time.ParseDuration(words[1])
		}
	default:
	}
	var lines []string
	for _, e := range g.core.Step(now, in, nil) {
		lines = append(lines, showSocket(t, e))
	}
	return lines
}

func showSocket(t *testing.T, e SocketEffect) string {
	switch e.Kind {
	case DoDial:
		return "dial"
	case DoSend:
		return "send " + show(t, e.Msg)
	case DoSent:
		return fmt.Sprintf("sent tag=%d ref=%s join_ref=%s", e.Tag, e.Msg.Ref, e.Msg.JoinRef)
	case DoHangup:
		return fmt.Sprintf("hangup %d %s", e.Code, e.Reason)
	case DoDeliver:
		return "deliver " + show(t, e.Msg)
	case DoUp:
		return fmt.Sprintf("up %d", e.Gen)
	case DoDown:
		return fmt.Sprintf("down %d%s", e.Gen, because(e.Cause))
	case DoConfirm:
		return "confirm " + e.Msg.Ref
	case DoWait:
		return "wait until " + e.Until.Sub(epoch).Round(time.Millisecond).String() + because(e.Cause)
	case DoDrop:
		return "drop " + show(t, e.Msg)
	}
	t.Fatalf("unknown effect %d", e.Kind)
	return ""
}

func TestSocketGolden(t *testing.T) {
	golden.Play(
		t,
		"socket",
		func() golden.Core { return &goldenSocket{NewSocket(SocketConfig{}, newRand())} },
	)
}

// socketAt returns a socket that is up since now.
func socketAt(now time.Time, rng *rand.Rand) Socket {
	s := NewSocket(SocketConfig{}, rng)
	s.Step(now, SocketInput{Kind: SocketStart}, nil)
	s.Step(now, SocketInput{Kind: SocketOpened}, nil)
	return s
}

// waitAfter returns how long s waits after in.
func waitAfter(t *testing.T, s *Socket, now time.Time, in SocketInput) time.Duration {
	t.Helper()
	for _, e := range s.Step(now, in, nil) {
		if e.Kind == DoWait {
			require.Equal(t, s.Deadline(), e.Until)
			require.Equal(t, s.NextDial(), e.Until)
			return e.Until.Sub(now)
		}
	}
	t.Fatal("no wait")
	return 0
}

func TestSocketBackoffIsFullJitter(t *testing.T) {
	rng := newRand()
	for n := 1; n <= 9; n++ {
		limit := min(time.Minute, time.Second<<n)
		low, high := time.Hour, time.Duration(0)
		for range 300 {
			s := NewSocket(SocketConfig{}, rng)
			s.Step(epoch, SocketInput{Kind: SocketStart}, nil)
			s.failures = n - 1
			w := waitAfter(t, &s, epoch, SocketInput{Kind: SocketDialFailed})
			low, high = min(low, w), max(high, w)
		}
		require.GreaterOrEqual(t, low, time.Second)
		require.LessOrEqual(t, high, limit)
		spread := limit - time.Second
		require.Less(t, low, time.Second+spread/10, "n=%d: short waits occur", n)
		require.Greater(t, high, limit-spread/10, "n=%d: long waits occur", n)
	}
}

func TestSocketWaits(t *testing.T) {
	tests := []struct {
		name      string
		joined    bool
		failures  int
		in        SocketInput
		low, high time.Duration
	}{
		{"hub restarts", true, 0, SocketInput{Kind: SocketLost, Code: 1012}, 0, 10 * time.Second},
		{
			"hub restarts, long failing",
			false,
			9,
			SocketInput{Kind: SocketLost, Code: 1012},
			0,
			time.Minute,
		},
		{
			"lost after the join",
			true,
			0,
			SocketInput{Kind: SocketLost, Code: 1006},
			time.Second,
			2 * time.Second,
		},
		{
			"cut without a join counts on",
			false,
			3,
			SocketInput{Kind: SocketLost, Code: 1006},
			time.Second,
			16 * time.Second,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rng, seen := newRand(), map[bool]int{}
			for range 200 {
				s := socketAt(epoch, rng)
				if tt.joined {
					s.Step(epoch, SocketInput{Kind: SocketJoined}, nil)
				}
				s.failures = tt.failures
				w := waitAfter(t, &s, epoch.Add(time.Hour), tt.in)
				require.GreaterOrEqual(t, w, tt.low)
				require.LessOrEqual(t, w, tt.high)
				seen[w > (tt.low+tt.high)/2]++
			}
			require.Greater(t, seen[true], 50, "spread over the whole range")
			require.Greater(t, seen[false], 50, "spread over the whole range")
		})
	}
}

func TestSocketSpreadsUntilTheHubIsBack(t *testing.T) {
	rng, long := newRand(), 0
	for range 200 {
		s := socketAt(epoch, rng)
		s.Step(epoch, SocketInput{Kind: SocketJoined}, nil)
		s.Step(epoch.Add(time.Hour), SocketInput{Kind: SocketLost, Code: 1012}, nil)
		now := s.Deadline()
		s.Step(now, SocketInput{}, nil)
		if waitAfter(t, &s, now, SocketInput{Kind: SocketDialFailed}) > 10*time.Second {
			long++
		}
		now = s.Deadline()
		s.Step(now, SocketInput{}, nil)
		s.Step(now, SocketInput{Kind: SocketOpened}, nil)
		s.Step(now, SocketInput{Kind: SocketJoined}, nil)
		w := waitAfter(t, &s, now.Add(time.Hour), SocketInput{Kind: SocketLost, Code: 1006})
		require.LessOrEqual(t, w, 2*time.Second, "a socket has opened: the restart is over")
	}
	require.Greater(t, long, 60, "the hub was still down: spread more widely than before")
}

func TestSocketRetryAfter(t *testing.T) {
	for after, low := range map[time.Duration]time.Duration{
		0: time.Second, 30 * time.Second: 30 * time.Second, 24 * time.Hour: 10 * time.Minute,
		-time.Hour: time.Second,
	} {
		s := NewSocket(SocketConfig{}, newRand())
		s.Step(epoch, SocketInput{Kind: SocketStart}, nil)
		w := waitAfter(t, &s, epoch, SocketInput{Kind: SocketDialFailed, After: after})
		require.GreaterOrEqual(t, w, low, "Retry-After %v is a lower bound", after)
		require.LessOrEqual(t, w, low+2*time.Second, "Retry-After %v is bounded", after)
	}
}

func TestSocketDuplicateIdentitySlowsDown(t *testing.T) {
	s, now := socketAt(epoch, newRand()), epoch
	kicked := func() (time.Duration, error) {
		s.Step(now, SocketInput{Kind: SocketJoined}, nil)
		now = now.Add(5 * time.Second)
		out := s.Step(now, SocketInput{Kind: SocketLost, Code: 1001}, nil)
		wait := s.Deadline().Sub(now)
		now = s.Deadline()
		s.Step(now, SocketInput{}, nil)
		s.Step(now, SocketInput{Kind: SocketOpened}, nil)
		return wait, out[len(out)-1].Cause
	}
	for range 2 {
		wait, cause := kicked()
		require.LessOrEqual(t, wait, 2*time.Second, "twice may be chance")
		require.NotErrorIs(t, cause, ErrDuplicateIdentity)
	}
	for range 3 {
		wait, cause := kicked()
		require.GreaterOrEqual(t, wait, 30*time.Second, "the third time in a row it is a pattern")
		require.ErrorIs(t, cause, ErrDuplicateIdentity)
		require.ErrorIs(t, cause, ErrClosed)
		require.Contains(t, cause.Error(), "duplicate identity")
	}
	s.Step(now, SocketInput{Kind: SocketJoined}, nil)
	now = now.Add(11 * time.Second)
	w := waitAfter(t, &s, now, SocketInput{Kind: SocketLost, Code: 1001})
	require.LessOrEqual(t, w, 2*time.Second, "a socket that lasted ends the suspicion")
}

// The owner steps a copy and drops it after a crash: the original must not have moved.
func TestSocketIsAValue(t *testing.T) {
	s := socketAt(epoch, newRand())
	before := s
	for _, kind := range []SocketInputKind{
		SocketLost, SocketStop, SocketReconnect, SocketJoined,
		SocketTransmit,
	} {
		c := s
		c.Step(epoch.Add(time.Hour), SocketInput{Kind: kind}, nil)
		require.Equal(t, before, s)
	}
}

func TestSocketClockJumps(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, jump := range []time.Duration{-20 * year, -time.Hour, 20 * year} {
		s := socketAt(epoch, newRand())
		now := epoch.Add(10*time.Second + jump)
		beats := 0
		for range 10 {
			for _, e := range s.Step(now, SocketInput{}, nil) {
				if e.Kind == DoSend {
					beats++
					s.Step(now, SocketInput{Kind: SocketReceived, Msg: reply("phoenix", "", e.Msg.Ref)}, nil)
				}
			}
			require.LessOrEqual(
				t,
				s.Deadline().Sub(now),
				30*time.Second,
				"heartbeats go on after a jump of %v",
				jump,
			)
			now = s.Deadline()
		}
		require.InDelta(t, 10, beats, 1, "one heartbeat a period after a jump of %v, no volley", jump)
		require.True(t, s.Up())
	}
}

func reply(topic, joinRef, ref string) Message {
	return Message{
		Topic:   topic,
		JoinRef: joinRef,
		Ref:     ref,
		Event:   EventReply,
		Payload: []byte(`{"status":"ok","response":{}}`),
	}
}

func TestSocketStepDoesNotAllocate(t *testing.T) {
	if raceDetector {
		t.Skip("SKIPPED: with the race detector, NOT checked: allocations; make test has a run without it")
	}
	s, out, now := socketAt(epoch, newRand()), make([]SocketEffect, 0, 8), epoch
	event := SocketInput{Kind: SocketReceived, Msg: parse(t, `["1",null,"device","update",{"a":1}]`)}
	answer := SocketInput{Kind: SocketReceived, Msg: reply("phoenix", "", "")}
	push := SocketInput{
		Kind: SocketTransmit,
		Msg:  parse(t, `["1",null,"device","fwup_progress",{"value":1}]`),
	}
	tests := map[string]func(){
		"heartbeat and its reply": func() {
			now = now.Add(30 * time.Second)
			e := s.Step(now, SocketInput{}, out[:0])[0]
			answer.Msg.Ref = e.Msg.Ref
			got := s.Step(now, answer, out[:0])
			if len(got) != 1 || got[0].Kind != DoConfirm {
				t.Fatal("not confirmed")
			}
		},
		"deliver":  func() { s.Step(now, event, out[:0]) },
		"transmit": func() { s.Step(now, push, out[:0]) },
	}
	for name, f := range tests {
		require.Zero(t, testing.AllocsPerRun(500, f), name)
	}
}

func BenchmarkSocketStep(b *testing.B) {
	out := make([]SocketEffect, 0, 8)
	b.Run("heartbeat", func(b *testing.B) {
		b.ReportAllocs()
		s, now := socketAt(epoch, newRand()), epoch
		in := SocketInput{Kind: SocketReceived, Msg: reply("phoenix", "", "")}
		for b.Loop() {
			now = now.Add(30 * time.Second)
			in.Msg.Ref = s.Step(now, SocketInput{}, out[:0])[0].Msg.Ref
			s.Step(now, in, out[:0])
			s.ref %= 9000
		}
	})
	b.Run("deliver", func(b *testing.B) {
		b.ReportAllocs()
		s := socketAt(epoch, newRand())
		in := SocketInput{Kind: SocketReceived, Msg: Message{Topic: "device", Event: "update"}}
		for b.Loop() {
			s.Step(epoch, in, out[:0])
		}
	})
}

// FuzzSocket feeds any inputs at any times: no panic, one dial at a time, refs rise, ups and downs
// alternate.
func FuzzSocket(f *testing.F) {
	f.Add([]byte{1, 0, 2, 0, 4, 9, 5, 9, 6, 9, 7, 0, 0, 255})
	f.Add([]byte{1, 0, 3, 200, 0, 255, 2, 3, 8, 3, 6, 3, 2, 3, 9, 3})
	f.Fuzz(func(t *testing.T, script []byte) {
		script = script[:min(len(script), 400)]
		s, now := NewSocket(SocketConfig{}, newRand()), epoch
		var ref, gen uint64
		dialing, up := false, false
		for i := 0; i+1 < len(script); i += 2 {
			kind := SocketInputKind(script[i] % 11)
			now = now.Add(time.Duration(int8(script[i+1])) * time.Second)
			in := SocketInput{
				Kind: kind, Msg: Message{
					Topic: []string{"phoenix", "device"}[i/2%2], Ref: refText(ref),
					Event: EventReply,
				},
				Code: 1000 + int(script[i+1]%16), After: time.Duration(int8(script[i+1])) * time.Minute,
			}
			if kind == SocketOpened || kind == SocketDialFailed {
				dialing = false
			}
			for _, e := range s.Step(now, in, nil) {
				switch e.Kind {
				case DoDial:
					require.False(t, dialing, "one dial at a time")
					require.False(t, up, "no dial while a socket is up")
					dialing = true
				case DoSend:
					n, ok := refNumber(e.Msg.Ref)
					require.True(t, ok && n == ref+1, "refs rise by one")
					ref = n
				case DoUp:
					require.False(t, up)
					require.Equal(t, gen+1, e.Gen)
					gen, up = e.Gen, true
				case DoDown:
					require.True(t, up)
					require.Equal(t, gen, e.Gen)
					require.Error(t, e.Cause)
					up = false
				case DoWait:
					require.False(t, e.Until.Before(now))
					require.LessOrEqual(t, e.Until.Sub(now), RetryAfterMax+time.Minute)
				default:
				}
			}
			require.Equal(t, up, s.Up())
			if d := s.Deadline(); !d.IsZero() {
				require.True(t, d.After(now), "nothing is overdue after a step")
				require.LessOrEqual(t, d.Sub(now), RetryAfterMax+time.Minute, "no deadline is out of reach")
			} else {
				require.False(t, s.Up(), "an open socket has heartbeats")
			}
			require.LessOrEqual(t, s.Failures(), i/2+1)
		}
	})
}

func TestRefs(t *testing.T) {
	for _, n := range []uint64{1, 9, 10, 99, 100, 999, 1000, 9999, 10_000, 123456789} {
		require.Equal(t, strconv.FormatUint(n, 10), refText(n))
		got, ok := refNumber(refText(n))
		require.True(t, ok)
		require.Equal(t, n, got)
	}
	for _, bad := range []string{"", "0", "01", "-1", "join_1", "1.0", strings.Repeat("9", 20)} {
		_, ok := refNumber(bad)
		require.False(t, ok, bad)
	}
	require.True(t, RefBefore("9", "10"))
	require.False(t, RefBefore("10", "9"))
	require.False(t, RefBefore("9", "9"))
	require.False(t, RefBefore("", "9"))
	require.False(t, RefBefore("9", "x"))
}
