package dialplan

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/tests/golden"
)

func hubs(t testing.TB, names ...string) URLs {
	var all []*url.URL
	for _, name := range names {
		u, err := url.Parse("wss://" + name)
		require.NoError(t, err)
		all = append(all, u)
	}
	return NewURLs(all)
}

// urls plays a transcript of dials that fail.
type urls struct{ urls URLs }

func (u *urls) Deadline() time.Time { return time.Time{} }
func (u *urls) String() string      { return "next " + u.urls.Current().Host }

func (u *urls) Step(t *testing.T, now time.Time, words []string) []string {
	if words[0] == "hubs" {
		u.urls = hubs(t, words[1:]...)
		return nil
	}
	require.Equal(t, "failed", words[0])
	var after time.Duration
	if len(words) > 1 {
		var err error
		after, err = time.ParseDuration(words[1])
		require.NoError(t, err)
	}
	host := u.urls.Current().Host
	wait := u.urls.Failed(now, after)
	return []string{fmt.Sprintf("%s fails, next %s in %v", host, u.urls.Current().Host, wait)}
}

func TestURLs(t *testing.T) { golden.Play(t, "urls", func() golden.Core { return &urls{} }) }

func TestACopyIsACopy(t *testing.T) {
	u := hubs(t, "a", "b")
	u.Failed(golden.Epoch(), time.Minute)
	copied := u
	copied.Failed(golden.Epoch(), time.Hour)
	require.Equal(t, "b", u.Current().Host)
	require.Zero(t, u.Failed(golden.Epoch().Add(time.Minute), 0), "a's minute is over")
	require.Equal(t, "a", u.Current().Host)
	require.Zero(t, u.Failed(golden.Epoch().Add(time.Minute), 0), "only the copy heard b's wish")
}

func FuzzURLs(f *testing.F) {
	f.Add(uint8(3), []byte{0, 1, 2, 200, 3, 0})
	f.Add(uint8(1), []byte{255, 0, 254})
	f.Fuzz(func(t *testing.T, count uint8, ops []byte) {
		var names []string
		for i := range count%4 + 1 {
			names = append(names, string('a'+rune(i)))
		}
		u, now := hubs(t, names...), golden.Epoch()
		free := map[string]time.Time{}
		for _, op := range ops[:min(len(ops), 500)] {
			after := time.Duration(op) * 10 * time.Second
			if op%2 == 0 {
				after = 0
			}
			host := u.Current().Host
			if after > 0 {
				free[host] = now.Add(min(after, protocol.RetryAfterMax))
			}
			wait := u.Failed(now, after)
			require.GreaterOrEqual(t, wait, time.Duration(0))
			require.LessOrEqual(t, wait, protocol.RetryAfterMax)
			now = now.Add(wait)
			require.False(t, now.Before(free[u.Current().Host]), "not before it allows")
			if wait > 0 {
				for _, name := range names {
					require.False(t, free[name].Before(now), "none was free earlier")
				}
			}
			now = now.Add(time.Duration(op) * time.Second)
		}
	})
}

// serializer plays a transcript of dials.
type serializer struct{ s Serializer }

func (s *serializer) Deadline() time.Time { return time.Time{} }

func (s *serializer) Step(t *testing.T, _ time.Time, words []string) []string {
	switch words[0] {
	case "configured":
		s.s = NewSerializer(words[1] == "msgpack")
		return nil
	case "begin":
		return []string{"dial for " + named(s.s.Begin())}
	}
	outcome, ok := map[string]Outcome{
		"open": Open, "403": Forbidden, "503": Refused, "unreachable": Unreachable,
	}[words[0]]
	require.True(t, ok, words[0])
	switch s.s.Ended(outcome) {
	case Retry:
		return []string{"dial for " + named(s.s.Codec())}
	case Settled:
		return []string{"done, JSON from now on"}
	default:
		return []string{"done"}
	}
}

func named(c protocol.Codec) string {
	if c.Binary() {
		return "msgpack"
	}
	return "json"
}

func TestSerializer(t *testing.T) {
	golden.Play(t, "serializer", func() golden.Core { return &serializer{} })
}

func TestZeroSerializerIsJSON(t *testing.T) {
	var s Serializer
	require.Equal(t, protocol.JSON{}, s.Begin())
	require.Equal(t, Done, s.Ended(Forbidden))
	require.Equal(t, protocol.JSON{}, s.Begin())
}

// An attempt dials twice at most, and MessagePack is given up for an answer to JSON only.
func FuzzSerializer(f *testing.F) {
	f.Add([]byte{1, 1, 1, 0})
	f.Add([]byte{3, 1, 3, 1, 2, 1})
	f.Fuzz(func(t *testing.T, outcomes []byte) {
		s, settled := NewSerializer(true), false
		codec, second := s.Begin(), false
		for _, b := range outcomes {
			o := Outcome(b % 4)
			require.Equal(t, !settled && !second, codec.Binary())
			switch v := s.Ended(o); {
			case !settled && !second && o == Forbidden:
				require.Equal(t, Retry, v)
				codec, second = s.Codec(), true
				continue
			case second && (o == Open || o == Refused):
				require.Equal(t, Settled, v)
				settled = true
			default:
				require.Equal(t, Done, v)
			}
			codec, second = s.Begin(), false
		}
	})
}

// network plays a transcript of probes.
type network struct{ n Network }

func (n *network) Deadline() time.Time { return n.n.Deadline() }

func (n *network) Step(t *testing.T, now time.Time, words []string) []string {
	if now.IsZero() {
		require.Equal(t, "skip", words[0])
		n.n = Skip()
		return nil
	}
	in, ok := map[string]NetworkInput{
		"": NetworkTick, "dial": NetworkDial, "found": NetworkFound, "missing": NetworkMissing,
	}[strings.Join(words, " ")]
	require.True(t, ok, words)
	switch n.n.Step(now, in) {
	case Probe:
		return []string{"probe"}
	case Wait:
		return []string{"wait"}
	case FirstWait:
		return []string{"first wait"}
	case Dial:
		return []string{"dial"}
	default:
		return nil
	}
}

func TestNetwork(t *testing.T) {
	golden.Play(t, "network", func() golden.Core { return &network{} })
}

// However the probe and the clock behave, a dial that is wanted comes, in ProbeLimit and the length
// of one probe.
func FuzzNetwork(f *testing.F) {
	f.Add([]byte{1, 3, 0, 3, 0, 2})
	f.Add([]byte{1, 131, 0, 3, 1, 3, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		var n Network
		now := golden.Epoch()
		first := true
		for _, op := range ops[:min(len(ops), 500)] {
			back := time.Duration(op/4%2) * time.Duration(op) * time.Minute
			now = now.Add(time.Duration(op)*10*time.Millisecond - back)
			e := n.Step(now, NetworkInput(op%4))
			if e == FirstWait {
				require.True(t, first, "once")
				first = false
			}
			if d := n.Deadline(); !d.IsZero() {
				require.LessOrEqual(t, d.Sub(now), ProbeEvery)
			}
		}
		start, e := now, n.Step(now, NetworkDial)
		for e != Dial {
			require.LessOrEqual(t, now.Sub(start), ProbeLimit+ProbeTime+ProbeEvery)
			switch e {
			case Probe:
				now = now.Add(ProbeTime)
				e = n.Step(now, NetworkMissing)
			case Wait, FirstWait:
				now = n.Deadline()
				e = n.Step(now, NetworkTick)
			default:
				t.Fatalf("stuck with effect %d", e)
			}
		}
		require.True(t, n.Over())
		require.Equal(t, Dial, n.Step(now, NetworkDial), "only the first dial waits")
	})
}
