package actors_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/protocol/hubtest"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/supervisor"
)

// count counts what the device has said.
func count(r *rig, match hubtest.Match) (n int) {
	for _, e := range r.seen.Messages() {
		if e.Direction == hubtest.Inbound && match(e.Message) {
			n++
		}
	}
	return n
}

// script has the hub and the device exchange frames, in bursts and one by one, and says what has to
// have arrived.
func script(r *rig, identified *atomic.Int32) {
	const rounds, burst = 3, 4
	reports := count(r, hubtest.Event("extensions", "health:report"))
	identified.Store(0)
	for range rounds {
		for range burst {
			require.NoError(r.t, r.seen.Identify())
			require.NoError(r.t, r.seen.Extensions().CheckHealth())
		}
		r.settle(40 * time.Second) // a heartbeat lies in between
	}
	require.EqualValues(
		r.t,
		rounds*burst,
		identified.Load(),
		"every frame of the hub is handled, and none twice",
	)
	require.Equal(
		r.t,
		reports+rounds*burst,
		count(r, hubtest.Event("extensions", "health:report")),
		"every answer goes out, and none twice",
	)
}

// A connection that crashes before, in the middle of, or after any frame costs neither the socket
// nor a frame.
func TestConnectionCrashesAroundEveryFrame(t *testing.T) {
	hits := 0
	for point := 0; ; point++ {
		hit := false
		t.Run(fmt.Sprint("point", point), func(t *testing.T) {
			var identified atomic.Int32
			inVirtualTime(t, func(r *rig) {
				r.cfg.Client.Identify = func(context.Context) { identified.Add(1) }
			}, func(r *rig) {
				talk := r.seen.Converse(t)
				joins := r.seen.Snapshot().Joins
				r.crashAt("link/connection", point)
				script(r, &identified)
				hit = r.hit()
				talk.ExpectSameSocket("a crash never costs the link")
				require.Equal(t, joins, r.seen.Snapshot().Joins, "and the channels stay joined")
				require.Zero(t, r.dev.Status().Counters.Losses)
				require.Equal(t, actors.Connected, r.dev.Status().Connection)
			})
		})
		if t.Failed() || !hit {
			break
		}
		hits++
	}
	require.Greater(t, hits, 100, "the script has many points")
}

// The first frames are the hardest: the socket has just opened, joins are under way.
func TestConnectionCrashesWhileConnecting(t *testing.T) {
	hits := 0
	for point := 0; ; point++ {
		hit := false
		t.Run(fmt.Sprint("point", point), func(t *testing.T) {
			inVirtualTime(t, func(r *rig) {
				r.crashAt("link/connection", point)
			}, func(r *rig) {
				hit = r.hit()
				r.settle(10 * time.Second)
				require.Equal(t, actors.Connected, r.dev.Status().Connection)
				require.Equal(t, 1, r.seen.Net().Sockets(), "a crash never costs the link")
				require.Equal(t, 1, r.seen.Snapshot().Joins, "nor a join")
				require.Equal(t, []string{"health"}, r.dev.Status().Extensions)
			})
		})
		if t.Failed() || !hit {
			break
		}
		hits++
	}
	require.Greater(t, hits, 10)
}

func TestChannelCrashRejoinsOnTheSameSocket(t *testing.T) {
	for _, topic := range []string{"device", "extensions"} {
		t.Run(topic, func(t *testing.T) {
			inVirtualTime(t, nil, func(r *rig) {
				talk := r.seen.Converse(t)
				before := r.seen.Snapshot().Joins
				r.crash("link/channel/" + topic)
				require.NoError(t, r.seen.Channel(topic).Push("unknown event", map[string]int{}))
				talk.ExpectLater("joins anew", hubtest.Join(topic))
				r.settle(10 * time.Second)
				talk.ExpectSameSocket("a crash never costs the link")
				require.True(t, r.hit())
				require.Equal(t, actors.Connected, r.dev.Status().Connection)
				require.Equal(t, []string{"health"}, r.dev.Status().Extensions)
				if topic == "extensions" {
					require.Equal(t, before, r.seen.Snapshot().Joins, "the device channel stays joined")
				}
			})
		})
	}
}

// A channel that starts anew asks connection, which starts to count from one again. When that
// question is lost with a crash of connection, the join must not be taken for one of those that the
// channel before had sent.
func TestChannelAndConnectionCrashTogether(t *testing.T) {
	for _, topic := range []string{"device", "extensions"} {
		t.Run(topic, func(t *testing.T) {
			crashes := []string{
				"link/channel/" + topic + " before any message",
				"link/connection before message.AskLink",
			}
			var armed atomic.Bool
			inVirtualTime(t, func(r *rig) {
				r.trace = func(path, point string, msg any) {
					if !armed.Load() || point != supervisor.BeforeReceive {
						return
					}
					rel := strings.TrimPrefix(path, "device-"+identity+"/")
					r.mu.Lock()
					defer r.mu.Unlock()
					if len(crashes) > 0 &&
						(crashes[0] == rel+" before any message" || crashes[0] == fmt.Sprintf("%s before %T", rel,
							msg)) {
						crashes = crashes[1:]
						panic(errBomb)
					}
				}
			}, func(r *rig) {
				for range 20 {
					require.NoError(t, r.seen.Extensions().CheckHealth())
					r.settle(time.Second)
				}
				talk := r.seen.Converse(t)
				joins := count(r, hubtest.Join(topic))
				armed.Store(true)
				require.NoError(t, r.seen.Channel(topic).Push("unknown event", map[string]int{}))
				r.settle(2 * time.Second)
				require.Empty(t, crashes)
				require.Equal(t, joins+1, count(r, hubtest.Join(topic)), "joins anew, at once")
				talk.ExpectSameSocket("two crashes do not cost the link either")
				require.Equal(t, actors.Connected, r.dev.Status().Connection)
				r.settle(5 * time.Second)
				require.Equal(t, []string{"health"}, r.dev.Status().Extensions)
				before := count(r, hubtest.Event("extensions", "health:report"))
				require.NoError(t, r.seen.Extensions().CheckHealth())
				r.settle(time.Second)
				require.Equal(t, before+1, count(r, hubtest.Event("extensions", "health:report")))
			})
		})
	}
}

// slowDialer takes its time.
type slowDialer struct {
	transport.Dialer
	time time.Duration
}

func (d slowDialer) Dial(ctx context.Context, req transport.Request) (transport.Conn, error) {
	select {
	case <-time.After(d.time):
		return d.Dialer.Dial(ctx, req)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A crash in the middle of a dial is no failure of the hub's: no backoff, and nothing for the
// operator to look at.
func TestConnectionCrashesWhileDialling(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.cfg.Hub.Dialer = slowDialer{r.cfg.Hub.Dialer, 3 * time.Second}
	}, func(r *rig) {
		r.crash("link/connection")
		require.NoError(t, r.dev.Reconnect())
		r.settle(4 * time.Second)
		require.True(t, r.hit())
		require.Equal(t, actors.Connected, r.dev.Status().Connection)
		require.Zero(t, r.happened(actors.EventConnectFailed))
		require.Equal(t, 1, r.seen.Net().Sockets())
	})
}

// What a hub sends must never hurt: it is counted and the link goes on.
func TestBadMessagesAreCounted(t *testing.T) {
	inVirtualTime(t, nil, func(r *rig) {
		talk := r.seen.Converse(t)
		for _, payload := range []any{
			"text", 7,
			[]int{1},
			nil,
			map[string]any{"update_available": true, "firmware_url": 7},
		} {
			require.NoError(t, r.seen.Channel("device").Push("update", payload))
			require.NoError(t, r.seen.Channel("device").Push("extensions:get", payload))
			require.NoError(t, r.seen.Channel("device").Push("scripts/run", payload))
			require.NoError(t, r.seen.Channel("extensions").Push("attach", payload))
			require.NoError(t, r.seen.Channel("extensions").Push("health:check", payload))
			require.NoError(t, r.seen.Channel("device").Push("no such event", payload))
		}
		r.settle(time.Minute)
		talk.ExpectSameSocket("bad messages end no actor")
		require.EqualValues(t, 5, r.dev.Status().Counters.Unknown)
		require.NotZero(t, r.dev.Status().Counters.BadFrames)
		require.Zero(t, r.happened(actors.EventActorExited))
	})
}

// Who runs a script on the hub, or has set connecting code, is told at once that nothing comes of
// it.
func TestScriptsAreRefused(t *testing.T) {
	inVirtualTime(t, nil, func(r *rig) {
		start := time.Now()
		got, err := r.seen.Scripts().Run(r.t.Context(), "uptime")
		require.NoError(t, err)
		require.Less(t, time.Since(start), time.Second)
		const why = "this device does not run support scripts"
		require.Equal(t, hubtest.ScriptResult{Result: "error", Output: why, Reason: why}, got)

		r.seen.Scripts().SetConnecting("1 + 1")
		require.NoError(t, r.seen.Net().Close(1001))
		r.settle(time.Minute)
		require.Equal(t, "failed", r.seen.Scripts().ConnectingOutcome())
		require.Zero(t, r.dev.Status().Counters.Unknown)
	})
}

func TestSocketLossIsRepaired(t *testing.T) {
	for name, lose := range map[string]func(*hubtest.Device) error{
		"cut":     func(d *hubtest.Device) error { return d.Net().Drop() },
		"closed":  func(d *hubtest.Device) error { return d.Net().Close(1001) },
		"restart": func(d *hubtest.Device) error { return d.Net().Close(1012) },
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, nil, func(r *rig) {
				require.NoError(t, lose(r.seen))
				r.settle(time.Minute)
				require.Equal(t, 2, r.seen.Net().Sockets())
				require.Equal(t, 2, r.seen.Snapshot().Joins)
				require.EqualValues(t, 1, r.dev.Status().Counters.Losses)
				require.Equal(t, 1, r.happened(actors.EventDisconnected))
				require.Equal(t, []string{"health"}, r.dev.Status().Extensions)
			})
		})
	}
}

func TestReconnectDialsAtOnce(t *testing.T) {
	inVirtualTime(t, nil, func(r *rig) {
		start := time.Now()
		require.NoError(t, r.dev.Reconnect())
		require.NoError(
			t,
			r.seen.Wait(r.t.Context(), func(s hubtest.Snapshot) bool { return s.Joins == 2 }),
		)
		require.Less(t, time.Since(start), time.Second, "no backoff")
	})
}

func TestWrongSecretIsDiagnosed(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		secret := r.hub.Secret(identity)
		secret.Secret = "not-the-secret"
		r.cfg.Hub.Secret = &secret
	}, func(r *rig) {
		r.settle(time.Minute)
		status := r.dev.Status()
		require.NotEqual(t, actors.Connected, status.Connection)
		require.Contains(t, status.Problem, "401")
		require.NotContains(t, status.Problem, "not-the-secret")
		require.Greater(t, status.Counters.Dials, uint64(3), "it goes on trying")
	})
}

// A device whose clock is wrong takes the time from the hub's refusal, backwards too.
func TestWrongClockIsCorrected(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.hub.Close()
		start := time.Now()
		clock := func() time.Time { return today.Add(time.Since(start) - 30*24*time.Hour) }
		r.hub = hubtest.Run(r.t, hubtest.Config{Mode: hubtest.Memory, Now: clock})
		r.seen = r.hub.Device(identity)
		r.rt = r.hub.RoundTripper()
		secret := r.hub.Secret(identity)
		r.cfg.Hub.Secret, r.cfg.Hub.Dialer = &secret, r.hub.Dialer()
	}, func(r *rig) {
		r.settle(time.Minute)
		require.Equal(t, actors.Connected, r.dev.Status().Connection)
		require.EqualValues(t, 2, r.dev.Status().Counters.Dials, "one refusal is lesson enough")
	})
}

// unreachable fails as a network does: each time from another port.
type unreachable struct{ dials atomic.Int32 }

func (u *unreachable) Dial(context.Context, transport.Request) (transport.Conn, error) {
	port := 40_000 + int(u.dials.Add(1))
	return nil, &transport.PhaseError{
		Phase:  transport.PhaseTLS,
		Target: "hub.example.com:443",
		Err: &net.OpError{
			Op: "read", Net: "tcp", Source: &net.TCPAddr{IP: net.IPv4(10, 0, 0, 2), Port: port},
			Err: syscall.ECONNRESET,
		},
	}
}

// A night without a network is one warning, not one a minute.
func TestRepeatedFailureIsLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	hub := &unreachable{}
	inVirtualTime(t, func(r *rig) {
		r.cfg.Logger = zerolog.New(zerolog.SyncWriter(&log)).Level(zerolog.InfoLevel)
		r.cfg.Hub.Dialer = hub
	}, func(r *rig) {
		r.settle(8 * time.Hour)
		require.Greater(t, hub.dials.Load(), int32(400))
		require.Equal(t, 1, strings.Count(log.String(), "not connected"), log.String())
		require.Contains(
			t,
			r.dev.Status().Problem,
			"connection reset by peer",
			"the status has it as it is now",
		)
	})
}

// verbose refuses with many words.
type verbose struct{}

func (verbose) Dial(context.Context, transport.Request) (transport.Conn, error) {
	header := http.Header{}
	header.Set("Nh-Connection-Error-Reason", strings.Repeat("no and again no, ", 3000))
	return nil, &transport.RefusedError{
		Status: http.StatusUnauthorized,
		Target: "hub.example.com:443",
		Header: header,
	}
}

// What a peer says is shown, and bounded.
func TestLongRefusal(t *testing.T) {
	inVirtualTime(t, func(r *rig) { r.cfg.Hub.Dialer = verbose{} }, func(r *rig) {
		require.Contains(t, r.dev.Status().Problem, "401: no and again no")
		require.Less(t, len(r.dev.Status().Problem), 500)
	})
}
