package fedecks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/fedecks"
	"github.com/hublink-go/hublink/actors/fedecks/server"
	"github.com/hublink-go/hublink/protocol/etf"
	protocol "github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/protocol/transport"
)

func TestFirstLoginAndBothWays(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.start()
		require.Equal(r.t, []string{"unregistered"}, r.names())
		require.ErrorIs(
			r.t,
			r.client.Send(r.t.Context(), "early"),
			fedecks.ErrNotConnected,
			"nothing vanishes silently",
		)
		r.login()
		require.Equal(r.t, []string{"connecting", "connected"}, r.names())

		info, err := os.Stat(r.cfg.TokenFile)
		require.NoError(r.t, err, "the token is stored")
		require.Equal(r.t, os.FileMode(0o600), info.Mode().Perm())
		data, err := os.ReadFile(r.cfg.TokenFile)
		require.NoError(r.t, err)
		require.NotContains(r.t, string(data), "right", "credentials never are")

		hello := etf.Tuple{etf.Binary("hello"), etf.Int(1)}
		require.NoError(r.t, r.client.Send(r.t.Context(), hello))
		require.NoError(r.t, r.client.SendRaw(r.t.Context(), []byte("octets")))
		require.Equal(r.t, []etf.Term{etf.Tuple{etf.OK, hello}}, r.messages(), "the reply")
		require.Equal(r.t, []etf.Term{hello}, r.heard)
		require.Equal(r.t, []string{"octets"}, r.raw)

		require.NoError(r.t, r.srv.Push(device, map[string]int{"n": 1}))
		require.Equal(r.t, []etf.Term{etf.Map{{Key: etf.Binary("n"), Value: etf.Int(1)}}}, r.messages())
		require.ErrorIs(
			r.t,
			r.client.Send(r.t.Context(), etf.Charlist("token_please")),
			protocol.ErrReserved,
		)
	})
}

func TestComesBackWithItsTokenAfterARestart(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.start()
		r.login()
		r.stopClient()
		r.names()
		r.startClient()
		require.Equal(r.t, []string{"connection_scheduled"}, r.names())
		time.Sleep(10 * time.Second)
		require.Equal(r.t, []string{"connecting", "connected"}, r.names())
		require.Equal(r.t, 1, r.asked, "no second login")
	})
}

// Fault 2 of the original: a refused token is tried for ever, and no event asks for a login.
func TestRefusedTokenEndsInUnregistered(t *testing.T) {
	for name, change := range map[string]func(r *rig){
		"expired":        func(r *rig) { time.Sleep(29 * 24 * time.Hour) },
		"secret rotated": func(r *rig) { r.stopServer(); r.srvCfg.Secrets = []string{"other"}; r.startServer() },
		"revoked":        func(r *rig) { time.Sleep(time.Second); r.srv.Revoke(device) },
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, func(r *rig) {
				r.start()
				r.login()
				r.stopClient()
				change(r)
				r.names()
				r.startClient()
				time.Sleep(time.Hour)
				require.Equal(
					r.t,
					[]string{"connection_scheduled", "connecting", "upgrade_failed", "unregistered"},
					r.names(),
				)
				require.Len(r.t, r.refused, 1, "one attempt")
				require.ErrorIs(r.t, r.refused[0], protocol.ErrToken)
				r.login()
				require.Equal(r.t, []string{"connecting", "connected"}, r.names())
			})
		})
	}
}

func TestOldSecretStaysGoodWhileItIsListed(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.start()
		r.login()
		r.stopServer()
		r.srvCfg.Secrets = []string{"new", "secret"}
		r.startServer()
		time.Sleep(10 * time.Second)
		require.Equal(r.t, fedecks.Connected, r.client.Status())
		require.Equal(r.t, 1, r.asked)
	})
}

// Faults 3 and 8: a failed login destroys a good token, and one on a live connection that too.
func TestFailedLoginCostsNothing(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.start()
		r.login()
		before, err := os.ReadFile(r.cfg.TokenFile)
		require.NoError(r.t, err)
		r.names()
		require.NoError(r.t, r.client.Login(map[string]string{"password": "wrong"}))
		require.Equal(r.t, []string{"connecting", "upgrade_failed"}, r.names())
		require.Equal(r.t, fedecks.Connected, r.client.Status(), "the live connection stays")
		after, err := os.ReadFile(r.cfg.TokenFile)
		require.NoError(r.t, err)
		require.Equal(r.t, before, after)

		require.NoError(r.t, r.client.Login(map[string]string{"password": "right"}))
		names := slices.DeleteFunc(
			r.names(),
			func(name string) bool { // whether the server's kick or the answer 101 is seen first is open
				return name == "connection_lost"
			},
		)
		require.Equal(
			r.t,
			[]string{"connecting", "connected"},
			names,
			"a second login takes the place of the first",
		)
		require.Equal(r.t, fedecks.Connected, r.client.Status())
		require.NoError(r.t, r.client.Send(r.t.Context(), 1))
		p, ok := r.srv.Online(device)
		require.True(r.t, ok)
		require.Equal(r.t, 1, p.Sessions)
	})
}

// Fault 1: a message right behind the answer 101 ends the connection.
func TestPushOnConnectArrives(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.srvCfg.Handler.ConnectionEstablished = func(_ context.Context,
			s *server.Session,
		) error {
			return s.Push("welcome")
		}
		r.start()
		r.login()
		require.Equal(r.t, []etf.Term{etf.Binary("welcome")}, r.messages())
		require.Equal(r.t, fedecks.Connected, r.client.Status())
	})
}

// Fault 4: a damaged token file, or a folder that cannot be written, keeps the client from working.
func TestTokenFileTrouble(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "garbage": "\x83\xff\x00",
		"text": "XCP.x", "integer": "\x83a\x01",
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, func(r *rig) {
				require.NoError(r.t, os.WriteFile(r.cfg.TokenFile, []byte(content), 0o600))
				r.start()
				require.Equal(r.t, []string{"token_trouble", "unregistered"}, r.names())
				aside, err := os.ReadFile(r.cfg.TokenFile + ".damaged")
				require.NoError(r.t, err)
				require.Equal(r.t, content, string(aside))
				r.login()
			})
		})
	}
	inVirtualTime(t, func(r *rig) {
		require.NoError(
			r.t,
			os.WriteFile(r.cfg.TokenFile+".d", nil, 0o600),
		) // a file where a folder would have to be
		r.cfg.TokenFile = filepath.Join(r.cfg.TokenFile+".d", "token")
		r.start()
		r.login()
		require.Equal(
			r.t,
			[]string{"token_trouble", "unregistered", "connecting", "connected", "token_trouble"},
			r.names(),
		)
	})
}

// Fault 6: retries without pause or limit kill the application.
func TestUnreachableServerIsTriedGently(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.start()
		r.login()
		r.stopServer()
		r.names()
		time.Sleep(24 * time.Hour)
		attempts := 0
		for _, name := range r.names() {
			if name == "connecting" {
				attempts++
			}
		}
		require.Greater(r.t, attempts, 24*60, "at least one a minute")
		require.Less(r.t, attempts, 24*60*4, "and not many")
		r.startServer()
		time.Sleep(time.Minute)
		require.Equal(r.t, fedecks.Connected, r.client.Status())
	})
}

func TestManyWrongPasswordsEndNothing(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.start()
		for range 50 {
			require.NoError(r.t, r.client.Login(map[string]string{"password": "wrong"}))
			synctest.Wait()
		}
		require.Len(r.t, r.refused, 50)
		r.login()
	})
}

// Fault 5: the watch over pongs is a race, and a server that never answers the handshake holds the
// client for ever.
func TestDeadLinkIsNoticedWithinTwoPings(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		hole := &blackhole{}
		r.startServer()
		r.cfg.Dialer = &transport.PipeDialer{Listener: r.listener, Wrap: func(c net.Conn) net.Conn {
			hole = &blackhole{Conn: c}
			return hole
		}}
		r.startClient()
		r.login()
		time.Sleep(10 * time.Minute)
		require.Equal(
			r.t,
			[]string{"unregistered", "connecting", "connected"},
			r.names(),
			"pings keep it alive",
		)
		hole.die()
		time.Sleep(2 * 19 * time.Second)
		names := r.names()
		require.Equal(
			r.t,
			[]string{"connection_lost", "connection_scheduled"},
			names[:min(2, len(names))],
		)
		time.Sleep(10 * time.Second)
		require.Equal(r.t, fedecks.Connected, r.client.Status())
	})
}

func TestHandshakeHasALimit(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.listener = transport.NewListener()
		r.cfg.Dialer = &transport.PipeDialer{Listener: r.listener, Timeout: time.Hour}
		r.startClient()
		require.NoError(r.t, r.client.Login(map[string]string{"password": "right"}))
		time.Sleep(31 * time.Second)
		require.Equal(
			r.t,
			[]string{"unregistered", "connecting", "connection_failed", "unregistered"},
			r.names(),
		)
	})
}

// Fault 9: what is sent while there is no connection vanishes.
func TestQueueSurvivesALoss(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.cfg.Queue = 2
		r.start()
		r.login()
		r.stopServer()
		time.Sleep(time.Second)
		require.NoError(r.t, r.client.Send(r.t.Context(), 1))
		require.NoError(r.t, r.client.Send(r.t.Context(), 2))
		require.ErrorIs(r.t, r.client.Send(r.t.Context(), 3), fedecks.ErrQueueFull)
		r.startServer()
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(r.t, []etf.Term{etf.Int(1), etf.Int(2)}, r.heard)

		r.stopServer()
		time.Sleep(time.Second)
		require.NoError(r.t, r.client.Send(r.t.Context(), 4))
		r.names()
		r.stopClient()
		require.Contains(r.t, r.names(), "dropped", "what a stop loses is told")
	})
}

func TestUndecodableMessagesAreTold(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.start()
		r.login()
		r.names()
		require.NoError(r.t, r.srv.Push(device, etf.Atom("never_heard_of")))
		require.Equal(r.t, []string{"dropped"}, r.names())
		require.Equal(r.t, fedecks.Connected, r.client.Status())
	})
}

func TestCrashesComeBackByThemselves(t *testing.T) {
	for _, actor := range []string{"store", "handle", "connector"} {
		t.Run(actor, func(t *testing.T) {
			inVirtualTime(t, func(r *rig) {
				r.start()
				r.login()
				require.NoError(r.t, r.client.Send(r.t.Context(), 1))
				r.names()
				var done atomic.Bool
				r.mu.Lock()
				r.inject = func(path, _ string, msg any) {
					if path == "fedecks-client/"+actor && msg != nil && done.CompareAndSwap(false, true) {
						panic(errTest)
					}
				}
				r.mu.Unlock()
				r.messages()
				time.Sleep(3*time.Hour + time.Minute) // until a token has come again
				require.True(r.t, done.Load(), "the crash happened")
				require.Equal(r.t, fedecks.Connected, r.client.Status())
				require.Equal(r.t, 1, r.asked, "with the token")
				require.NoError(r.t, r.client.Send(r.t.Context(), 2))
			})
		})
	}
}

func TestStuckConnectorIsReplaced(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.start()
		r.login()
		release := make(chan struct{})
		var stuck atomic.Bool
		r.mu.Lock()
		r.inject = func(path, _ string, msg any) {
			if path == "fedecks-client/connector" && msg != nil && stuck.CompareAndSwap(false, true) {
				<-release
			}
		}
		r.mu.Unlock()
		time.Sleep(2 * time.Minute)
		require.True(r.t, stuck.Load())
		require.Equal(r.t, fedecks.Connected, r.client.Status())
		require.NoError(r.t, r.client.Send(r.t.Context(), "alive"))
		close(release)
		synctest.Wait()
	})
}

func TestCallbacksHurtNobody(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.startServer()
		r.startClient()
		cancel := r.client.Subscribe(func(fedecks.Event) { panic("of a callback") })
		r.login()
		require.True(r.t, slices.Contains(r.names(), "connected"), "others are told all the same")
		cancel()
		require.NoError(r.t, r.client.Send(r.t.Context(), 1))
	})
}

// A callback that blocks for long costs the oldest events, and says so.
func TestEventsLostToACallbackAreTold(t *testing.T) {
	const sent = 1500
	inVirtualTime(t, func(r *rig) {
		r.start()
		r.login()
		r.names()
		release := make(chan struct{})
		r.client.Subscribe(func(fedecks.Event) { <-release })
		for i := range sent {
			require.NoError(r.t, r.srv.Push(device, i))
			synctest.Wait()
		}
		close(release)
		synctest.Wait()
		r.mu.Lock()
		defer r.mu.Unlock()
		got, lost, told := 0, 0, 0
		for _, e := range r.events {
			switch {
			case e.Kind == fedecks.EventMessage:
				got++
			case errors.Is(e.Reason, fedecks.ErrEventsLost):
				told++
				_, err := fmt.Sscan(e.Reason.Error(), &lost)
				require.NoError(r.t, err)
			}
		}
		require.Equal(r.t, 1, told)
		require.Positive(r.t, lost)
		require.Equal(r.t, sent, got+lost)
		require.Equal(r.t, etf.Int(sent-1), r.events[len(r.events)-1].Term, "the newest is there")
	})
}

func TestServerStopAndReturn(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.start()
		r.login()
		r.names()
		r.stopServer()
		require.Equal(r.t, []string{"connection_lost", "connection_scheduled"}, r.names()[:2])
		r.startServer()
		time.Sleep(time.Minute)
		require.Equal(r.t, fedecks.Connected, r.client.Status())
	})
}

// Fault 12: the client answers neither pings nor closes.
func TestPingAndCloseAreAnswered(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.listener = transport.NewListener()
		r.startClient()
		require.NoError(r.t, r.client.Login(map[string]string{"password": "right"}))
		offer, err := r.listener.Accept()
		require.NoError(r.t, err)
		conn, err := offer.Accept(transport.UpgradeOptions{})
		require.NoError(r.t, err)
		pongs := 0
		conn.(transport.Pinger).OnPong(func([]byte) { pongs++ })
		require.NoError(r.t, conn.(transport.Pinger).Ping([]byte("are you there")))
		_, request, err := conn.ReadMessage(nil)
		require.NoError(r.t, err)
		require.Equal(r.t, "\x83k\x00\x0ctoken_please", string(request))
		synctest.Wait() // the pong is on its way before the close is
		go func() { _ = conn.Close(1000, "bye") }()
		_, _, err = conn.ReadMessage(nil)
		require.Error(r.t, err)
		synctest.Wait()
		require.Equal(r.t, 1, pongs)
		require.Equal(
			r.t,
			[]string{"unregistered", "connecting", "connected", "connection_lost", "unregistered"},
			r.names(),
			"at once",
		)
	})
}

// Fault 13: crash reports print the credentials.
func TestCrashReportsShowNoSecrets(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		var log bytes.Buffer
		r.cfg.Logger = zerolog.New(zerolog.SyncWriter(&log)).Level(zerolog.TraceLevel)
		var seen []string
		var crashed atomic.Bool
		r.inject = func(path, _ string, msg any) {
			r.mu.Lock()
			seen = append(seen, fmt.Sprintf("%v %+v", msg, msg))
			r.mu.Unlock()
			if path == "fedecks-client/connector" && fmt.Sprint(msg) == "login" &&
				crashed.CompareAndSwap(false, true) {
				panic(errTest)
			}
		}
		r.start()
		require.NoError(r.t, r.client.Login(map[string]string{"password": "not to be seen"}))
		synctest.Wait()
		require.True(r.t, crashed.Load())
		r.login()
		require.Equal(r.t, fedecks.Connected, r.client.Status())
		require.NotContains(r.t, log.String(), "not to be seen")
		require.Contains(r.t, log.String(), "connected", "there is a log")
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, msg := range seen {
			require.NotContains(r.t, msg, "not to be seen")
		}
	})
}

func TestTwoDevicesWithOneIdentitySlowDown(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		var established atomic.Int64
		r.srvCfg.Handler.ConnectionEstablished = func(context.Context, *server.Session) error {
			established.Add(1)
			return nil
		}
		r.start()
		r.login()
		twin := r.cfg
		twin.Name, twin.TokenFile, twin.Seed, twin.OnEvent = "twin", "", 2, nil
		other, err := fedecks.New(twin)
		require.NoError(r.t, err)
		require.NoError(r.t, other.Start(r.t.Context()))
		require.NoError(r.t, other.Login(map[string]string{"password": "right"}))
		time.Sleep(time.Hour)
		require.Greater(r.t, established.Load(), int64(10), "both keep trying")
		require.Less(r.t, established.Load(), int64(360), "but not more than once in ten seconds")
		require.NoError(r.t, other.Stop(context.Background()))
	})
}

func TestConfigErrors(t *testing.T) {
	for name, cfg := range map[string]fedecks.Config{
		"no URL":   {DeviceID: device},
		"http":     {DeviceID: device, URL: "http://h/"},
		"no id":    {URL: "ws://h/"},
		"long id":  {URL: "ws://h/", DeviceID: string(make([]byte, 126))},
		"negative": {URL: "ws://h/", DeviceID: device, Times: fedecks.Times{Ping: -1}},
	} {
		_, err := fedecks.New(cfg)
		require.Error(t, err, name)
	}
	c, err := fedecks.New(fedecks.Config{URL: "ws://h/", DeviceID: device})
	require.NoError(t, err)
	require.ErrorIs(t, c.Send(t.Context(), 1), fedecks.ErrNotRunning)
	require.ErrorIs(t, c.Login(map[string]string{}), fedecks.ErrNotRunning)
	require.ErrorContains(t, c.Login("bob"), "map")
	require.ErrorIs(t, c.Wait(), fedecks.ErrNotRunning)
	require.NoError(t, c.Stop(t.Context()))
}

func TestRunAndDone(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		c, err := fedecks.New(r.cfg)
		require.NoError(r.t, err)
		done := c.Done()
		ctx, cancel := context.WithTimeout(r.t.Context(), time.Hour)
		defer cancel()
		require.NoError(r.t, c.Run(ctx), "ended by ctx, in order")
		<-done
		require.NoError(r.t, c.Wait())
		require.Equal(r.t, fedecks.Stopped, c.Status())
		require.ErrorIs(r.t, c.Reconnect(), fedecks.ErrNotRunning)
	})
}
