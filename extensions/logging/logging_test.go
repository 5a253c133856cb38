package logging_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/extensions/exttest"
	"github.com/hublink-go/hublink/extensions/logging"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type sent struct {
	Level   string            `json:"level"`
	Message string            `json:"message"`
	Meta    map[string]string `json:"meta"`
}

type batch struct {
	Lines []sent `json:"lines"`
}

// bench is a logger, its Writer and a Host with one clock.
type bench struct {
	*exttest.Host
	lines *logging.Writer
	log   zerolog.Logger
}

func newBench(t *testing.T, opts logging.Options) *bench {
	t.Helper()
	b := &bench{}
	opts.Now = func() time.Time {
		if b.Host == nil {
			return exttest.Epoch
		}
		return b.Now()
	}
	lines, factory := logging.New(opts)
	b.lines, b.log = lines, zerolog.New(lines).Level(zerolog.TraceLevel)
	b.Host = exttest.NewHost(t, factory)
	return b
}

func (b *bench) expectBatch(t *testing.T, reason string) []sent {
	t.Helper()
	var got batch
	b.Expect(reason, "send").Into(t, &got)
	return got.Lines
}

func TestContract(t *testing.T) {
	lines, factory := logging.New(logging.Options{Now: func() time.Time { return exttest.Epoch }})
	log := zerolog.New(lines)
	exttest.Run(t, factory, exttest.Options{
		Provoke: func(h *exttest.Host) {
			log.Info().Msg("provoked")
			h.Advance(time.Minute)
		},
	})
}

func TestLinesFromBeforeTheConnectionAreSent(t *testing.T) {
	b := newBench(t, logging.Options{})
	b.log.Info().Str("slot", "b").Int("percent", 40).Bool("ok", true).Msg("applying")
	b.Advance(time.Minute)
	b.Attach()
	require.Equal(t, []sent{{
		Level: "info", Message: "applying",
		Meta: map[string]string{
			"slot":    "b",
			"percent": "40",
			"ok":      "true",
			"time":    strconv.FormatInt(exttest.Epoch.UnixMicro(), 10),
		},
	}}, b.expectBatch(t, "it waited longer than the interval"))
	b.Advance(time.Hour)
	b.ExpectSilence("a line is sent once")
	require.Equal(t, logging.Stats{Sent: 1}, b.lines.Stats())
}

func TestLinesShareAMessage(t *testing.T) {
	b := newBench(t, logging.Options{Interval: 5 * time.Second})
	b.Attach()
	b.log.Info().Msg("first")
	b.Advance(4 * time.Second)
	b.log.Info().Msg("second")
	b.ExpectSilence("the first line waits for company")
	b.Advance(time.Second)
	require.Len(t, b.expectBatch(t, "the first line has waited for 5 s"), 2)

	for i := range 250 {
		b.log.Info().Int("i", i).Msg("many")
	}
	b.Advance(0)
	for range 2 {
		require.Len(t, b.expectBatch(t, "a full batch does not wait"), 100)
	}
	b.ExpectSilence("50 lines are no full batch")
	b.Advance(5 * time.Second)
	rest := b.expectBatch(t, "the rest after the interval")
	require.Len(t, rest, 50)
	require.Equal(t, "249", rest[49].Meta["i"], "in order")
}

func TestOldHubsGetOneLineAMessage(t *testing.T) {
	b := newBench(t, logging.Options{})
	b.AttachVersion(logging.VersionSingle)
	b.log.Warn().Msg("alone")
	b.Advance(0)
	var got sent
	b.Expect("0.0.1 has no batches, so there is nothing to wait for", "send").Into(t, &got)
	require.Equal(t, "warning", got.Level)
	require.Equal(t, "alone", got.Message)
}

// The hub's bucket: 10 messages at once and 5 a second; what is beyond it drops.
func TestStaysBelowTheRateOfTheHub(t *testing.T) {
	for _, version := range []string{logging.VersionSingle, logging.VersionBatched} {
		t.Run(version, func(t *testing.T) {
			b := newBench(t, logging.Options{Interval: time.Nanosecond})
			b.AttachVersion(version)
			tokens, last, n := 10.0, b.Now(), 0
			for range 100 {
				for range 20 {
					b.log.Info().Msg("flood")
					b.Advance(10 * time.Millisecond)
				}
				if b.Now().Sub(exttest.Epoch) == 10*time.Second {
					b.Restart() // a fresh extension has no fresh bucket
				}
				for _, p := range b.Drain() {
					tokens = min(10, tokens+5*p.At.Sub(last).Seconds()) - 1
					last = p.At
					n++
					require.GreaterOrEqual(t, tokens, 0.0, "message %d after %s is dropped by the hub", n,
						p.At.Sub(exttest.Epoch))
				}
			}
			require.Greater(t, n, 95, "what the hub takes in 20 s is used")
		})
	}
}

func TestTheOldestAreDroppedAndThatIsSaid(t *testing.T) {
	b := newBench(t, logging.Options{})
	for i := range 1042 {
		b.log.Info().Int("i", i).Msg("while detached")
	}
	require.Equal(t, logging.Stats{Waiting: 1000, Dropped: 42}, b.lines.Stats())
	b.Attach()
	first := b.expectBatch(t, "a full batch")
	require.Equal(t, "dropped 42 lines", first[0].Message)
	require.Equal(t, "warning", first[0].Level)
	require.NotEmpty(t, first[0].Meta["time"], "without a time the hub drops the line")
	require.Equal(t, "42", first[1].Meta["i"])
	require.Len(t, first, 100, "the hub takes 100 lines, the notice is one of them")
	b.Advance(time.Hour)
	for _, p := range b.Drain() {
		require.NotContains(t, string(p.Payload), "dropped", "said once")
	}
	require.Equal(t, logging.Stats{Sent: 1000, Dropped: 42}, b.lines.Stats())
}

func TestMemoryIsBounded(t *testing.T) {
	b := newBench(t, logging.Options{})
	for range 500 {
		b.log.Info().Str("field", strings.Repeat("f", 1<<16)).Msg(strings.Repeat("\x01", 1<<16))
	}
	s := b.lines.Stats()
	require.Less(t, s.Waiting, 60, "500 lines of 24 KB do not fit into 1 MiB")
	require.EqualValues(t, 500, s.Dropped+uint64(s.Waiting))
	b.Attach()
	b.Advance(time.Minute)
	for _, p := range b.Drain() {
		require.LessOrEqual(t, len(p.Payload), 129<<10, "a message does not hold up the socket")
	}
	require.Zero(t, b.lines.Stats().Waiting)
}

func TestRefusedLinesAreKept(t *testing.T) {
	b := newBench(t, logging.Options{})
	b.Attach()
	b.log.Info().Msg("precious")
	b.Refuse(extensions.ErrDetached)
	b.Advance(time.Minute)
	b.Refuse(nil)
	b.Detach()
	b.log.Info().Msg("meanwhile")
	b.Advance(time.Hour)
	b.ExpectSilence("detached")
	b.Attach()
	got := b.expectBatch(t, "attached again")
	require.Equal(t, []string{"precious", "meanwhile"}, []string{got[0].Message, got[1].Message})
}

func TestACrashLosesNoLine(t *testing.T) {
	b := newBench(t, logging.Options{})
	b.Attach()
	b.log.Info().Msg("before the crash")
	b.Refuse(errors.New("cannot be marshalled"))
	b.Advance(10 * time.Second)
	b.Refuse(nil)
	require.NotEmpty(t, b.Crashes())
	b.Advance(10 * time.Second)
	require.Equal(t, "before the crash", b.expectBatch(t, "the fresh one goes on")[0].Message)
}

func TestLevels(t *testing.T) {
	for _, c := range []struct {
		level zerolog.Level
		want  string // empty: not sent
	}{
		{zerolog.TraceLevel, ""},
		{zerolog.DebugLevel, ""},
		{zerolog.InfoLevel, "info"},
		{zerolog.WarnLevel, "warning"},
		{zerolog.ErrorLevel, "error"},
		{zerolog.FatalLevel, "critical"},
		{zerolog.PanicLevel, "emergency"},
		{zerolog.NoLevel, "info"},
	} {
		for name, write := range map[string]func(*logging.Writer, []byte) (int, error){
			"given": func(w *logging.Writer, p []byte) (int,
				error,
			) {
				return w.WriteLevel(c.level, p)
			},
			"in the line": func(w *logging.Writer, p []byte) (int, error) { return w.Write(p) },
		} {
			t.Run(fmt.Sprintf("%s %s", c.level, name), func(t *testing.T) {
				b := newBench(t, logging.Options{Level: zerolog.InfoLevel})
				p := fmt.Appendf(nil, `{"level":%q,"message":"m"}`+"\n", c.level)
				n, err := write(b.lines, p)
				require.NoError(t, err)
				require.Equal(t, len(p), n)
				b.AttachVersion(logging.VersionSingle)
				if c.want == "" {
					b.ExpectSilence("below the level")
					return
				}
				var got sent
				b.Expect("at or above the level", "send").Into(t, &got)
				require.Equal(t, c.want, got.Level)
			})
		}
	}
}

func TestSecretsAreMasked(t *testing.T) {
	b := newBench(t, logging.Options{})
	b.log.Info().
		Str("Authorization", "hush").
		Str("x-nh-signature", "hush").Str("access_token", "hush").Str("API-Key", "hush").
		Dict("request", zerolog.Dict().Str("password", "hush").Str("path", "/firmware")).
		Interface("client_secret", map[string]any{"deep": []string{"hush"}}).
		Msg("m")
	b.AttachVersion(logging.VersionSingle)
	p := b.Expect("a line", "send")
	require.NotContains(t, string(p.Payload), "hush")
	var got sent
	p.Into(t, &got)
	require.Equal(t, "[masked]", got.Meta["request.password"])
	require.Equal(t, "[masked]", got.Meta["client_secret"])
	require.Equal(t, "/firmware", got.Meta["request.path"], "what stands beside a secret stays")
}

// Every push makes the agent log; if those lines were sent too, there would be no end.
func TestItsOwnTrafficIsNotSent(t *testing.T) {
	b := newBench(t, logging.Options{})
	b.AttachVersion(logging.VersionSingle)
	b.log.Info().Msg("once")
	n := 0
	for range 50 {
		b.Advance(time.Second)
		for range b.Drain() {
			n++
			b.log.Debug().Str("actor", "connection").Str("event", "logging:send").Msg("write failed")
			b.log.Debug().Str("actor", "extension/logging").Msg("pushed")
			b.log.Warn().Str("extension", "logging").Msg("extension crashed")
		}
	}
	require.Equal(t, 1, n)
}

func TestPlainAndSpoiltLines(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"text of another logger", "panic: oh no\n", "panic: oh no"},
		{"spoilt JSON may hide a secret", `{"token":"hush","message":"m`, "unreadable line of 28 bytes"},
		{"two values", `{"message":"a"}{"token":"hush"}`, "unreadable line of 31 bytes"},
		{"no message but an error", `{"level":"error","error":"disk full"}`, "disk full"},
		{"nothing at all", `{}`, "-"},
		{"invalid UTF-8 and NUL", "{\"message\":\"a\xff\\u0000b\"}", "a\uFFFDb"},
		{"too long", `{"message":"` + strings.Repeat("€", 4096) + `"}`, strings.Repeat("€", 1365)},
		{
			"too deep", `{"message":"m","a":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`,
			"m",
		},
		{
			"deeper than the parser goes", strings.Repeat(`{"a":`, 20000),
			"unreadable line of 100000 bytes",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, logging.Options{})
			_, err := b.lines.Write([]byte(c.in))
			require.NoError(t, err)
			b.AttachVersion(logging.VersionSingle)
			var got sent
			p := b.Expect("every line is sent somehow", "send")
			require.NotContains(t, string(p.Payload), "hush")
			p.Into(t, &got)
			require.Equal(t, c.want, got.Message)
		})
	}
}

func TestManyGoroutinesWrite(t *testing.T) {
	b := newBench(t, logging.Options{})
	b.Attach()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				b.log.Info().Str("a", "b").Msg("m")
			}
		})
	}
	wg.Wait()
	b.Advance(time.Minute)
	total := 0
	for _, p := range b.Drain() {
		var got batch
		p.Into(t, &got)
		total += len(got.Lines)
	}
	require.Equal(t, 800, total, "no line is lost and none is sent twice")
}

func FuzzWrite(f *testing.F) {
	f.Add([]byte(`{"level":"info","a":{"b":[1,null,"x"]},"message":"m"}`))
	f.Add([]byte("plain\x00\xff"))
	f.Add([]byte(`{"token":{"a":1},"time":"x","event":"logging:send"}`))
	f.Fuzz(func(t *testing.T, p []byte) {
		lines, factory := logging.New(logging.Options{Now: func() time.Time { return exttest.Epoch }})
		n, err := lines.Write(p)
		require.NoError(t, err)
		require.Equal(t, len(p), n)
		h := exttest.NewHost(t, factory)
		h.AttachVersion(logging.VersionSingle)
		for _, push := range h.Drain() {
			var got sent
			push.Into(t, &got)
			require.NotEmpty(t, got.Message)
			require.Equal(t, strconv.FormatInt(exttest.Epoch.UnixMicro(), 10), got.Meta["time"])
			require.LessOrEqual(t, len(push.Payload), 200<<10)
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	lines, _ := logging.New(logging.Options{})
	log := zerolog.New(lines)
	b.ReportAllocs()
	for b.Loop() {
		log.Info().Str("actor", "connection").Int("attempt", 3).Msg("socket lost")
	}
}
