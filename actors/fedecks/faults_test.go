package fedecks_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/fedecks"
	"github.com/hublink-go/hublink/actors/fedecks/server"
	"github.com/hublink-go/hublink/protocol/etf"
	protocol "github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/protocol/transport"
)

// faults are those of the original client and server that users suffered from, with the tests that
// fail where one of them comes back. The numbers are those that tests and tables here speak of. 14
// (callbacks that are skipped until their module is loaded) and 16 (its documentation) have no form
// in Go.
var faults = []struct {
	number int
	what   string
	tests  []string
}{
	{
		1,
		"a message right behind the answer 101 ends the connection",
		[]string{"TestMessageInOnePieceWithTheAnswer", "TestPushOnConnectArrives"},
	},
	{
		2,
		"a refused token is tried for ever, and no event asks for a login",
		[]string{"TestRefusedTokenEndsInUnregistered", "TestRefusedTokenIsTold"},
	},
	{
		3,
		"a failed login destroys a good token",
		[]string{"TestFailedLoginKeepsTheToken", "TestFailedLoginCostsNothing"},
	},
	{
		4,
		"a damaged token file, or a folder that cannot be written, keeps the client from working",
		[]string{"TestTokenFileTrouble"},
	},
	{
		5, "a dead link is noticed late, and a handshake that is never answered never",
		[]string{"TestDeadLinkIsNoticedWithinTwoPings", "TestHandshakeHasALimit"},
	},
	{
		6, "retries come at a fixed pace, and quick ones end the application",
		[]string{
			"TestUnreachableServerIsTriedGently",
			"TestManyWrongPasswordsEndNothing",
			"TestWaitsAreSpread",
		},
	},
	{
		7,
		"messages of certain shapes are taken for control",
		[]string{"TestShapesOfControlFromAPeer", "TestControlCannotBeSent"},
	},
	{
		8,
		"a login on a live connection loses token and connection",
		[]string{"TestFailedLoginCostsNothing"},
	},
	{
		9, "messages that cannot be decoded or sent vanish",
		[]string{
			"TestUndecodableMessagesAreTold",
			"TestFirstLoginAndBothWays",
			"TestQueueSurvivesALoss",
			"TestQueueOfACrashedConnectorIsTold",
		},
	},
	{
		10,
		"a token that is no binary crashes the server",
		[]string{"TestTokenOfAnyTypeIsRefused", "TestAuthHeader"},
	},
	{
		11,
		"device ids that can log in but not stay are let in",
		[]string{"TestDeviceIDsThatCannotStay", "TestConfigErrors"},
	},
	{12, "the client answers neither pings nor closes", []string{"TestPingAndCloseAreAnswered"}},
	{
		13, "crash reports show credentials; after a failed send the client sits on a closed connection",
		[]string{
			"TestCrashReportsShowNoSecrets",
			"TestServerCrashReportsShowNoSecrets",
			"TestFailedSendEndsTheConnection",
		},
	},
	{
		15, "two sessions of a device, no revocation, credentials are judged before the request",
		[]string{"TestSecondSessionOfADevice", "TestRevocation", "TestRequestIsJudgedBeforeCredentials"},
	},
}

// The table above stays true.
func TestFaultsHaveTests(t *testing.T) {
	there := map[string]bool{}
	for _, dir := range []string{".", "server", "../../protocol/fedecks"} {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		require.NoError(t, err)
		for _, file := range files {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			for _, d := range f.Decls {
				if f, ok := d.(*ast.FuncDecl); ok {
					there[f.Name.Name] = true
				}
			}
		}
	}
	for _, f := range faults {
		require.NotEmpty(t, f.tests, "fault %d", f.number)
		for _, name := range f.tests {
			require.True(t, there[name], "fault %d: %s is gone", f.number, name)
			t.Logf("fault %2d: %-40s %s", f.number, name, f.what)
		}
	}
}

// answerUpgrade answers one upgrade request on a stream in memory, with more octets behind the 101.
func answerUpgrade(t *testing.T, conn net.Conn, behind []byte) *bufio.Reader {
	in := bufio.NewReader(conn)
	req, err := http.ReadRequest(in)
	require.NoError(t, err)
	answer := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		acceptKey(
			req.Header.Get("Sec-WebSocket-Key"),
		) + "\r\n\r\n"
	_, err = conn.Write(append([]byte(answer), behind...))
	require.NoError(t, err)
	return in
}

// plainClient is a client whose streams the test holds the far end of.
func plainClient(t *testing.T, change func(*fedecks.Config)) (s *stage) {
	s = &stage{t: t, dials: make(chan net.Conn), conns: map[int]*far{}}
	s.cfg = fedecks.Config{
		URL: "ws://server/fedecks/websocket", DeviceID: device, OnEvent: s.note, Seed: 1,
		TokenFile: filepath.Join(t.TempDir(), "token"), Dialer: &transport.WebSocket{NetDial: s.dial},
	}
	if change != nil {
		change(&s.cfg)
	}
	s.start()
	return s
}

func (s *stage) kinds() (names []string) {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		names = append(names, e.Kind.String())
	}
	s.events = nil
	return names
}

// Fault 1: the answer 101 and a message come in one read, as behind any proxy.
func TestMessageInOnePieceWithTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := plainClient(t, nil)
		require.NoError(t, s.client.Login(map[string]string{"password": "right"}))
		conn := <-s.dials
		in := answerUpgrade(t, conn, unmasked(0x82, []byte("\x83m\x00\x00\x00\x07welcome")))
		go func() { _, _ = io.Copy(io.Discard, in) }() // a pipe has no buffer
		require.Equal(t, []string{"unregistered", "connecting", "connected", "message"}, s.kinds())
		require.Equal(t, fedecks.Connected, s.client.Status())
		require.NoError(t, s.client.Stop(context.Background()))
		require.NoError(t, conn.Close())
	})
}

// Fault 3: with no connection up, too.
func TestFailedLoginKeepsTheToken(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.start()
		r.login()
		before, err := os.ReadFile(r.cfg.TokenFile)
		require.NoError(r.t, err)
		r.stopClient()
		r.startClient()
		r.names()
		require.NoError(r.t, r.client.Login(map[string]string{"password": "wrong"}))
		require.Equal(r.t, []string{"connecting", "upgrade_failed", "connection_scheduled"}, r.names())
		after, err := os.ReadFile(r.cfg.TokenFile)
		require.NoError(r.t, err)
		require.Equal(r.t, before, after)
		asked := r.asked
		time.Sleep(time.Minute)
		require.Equal(r.t, fedecks.Connected, r.client.Status(), "back with the token")
		require.Equal(r.t, asked, r.asked)
	})
}

// Fault 7: what an original peer sends in the shape of the original's own messages is a message
// like others, but for the token message itself, which cannot be told apart. Nothing wipes the
// token.
func TestShapesOfControlFromAPeer(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.cfg.Codec = protocol.Codec{Atoms: etf.Atoms("fedecks_token", "fedecks_server_pong")}
		r.listener = transport.NewListener()
		r.startClient()
		require.NoError(r.t, r.client.Login(map[string]string{"password": "right"}))
		offer, err := r.listener.Accept()
		require.NoError(r.t, err)
		conn, err := offer.Accept(transport.UpgradeOptions{})
		require.NoError(r.t, err)
		defer conn.Abort() //nolint:errcheck // a test's end
		go func() {
			for err := error(nil); err == nil; {
				_, _, err = conn.ReadMessage(nil)
			}
		}()
		send := func(term etf.Term) {
			data, err := etf.Encode(term)
			require.NoError(r.t, err)
			require.NoError(r.t, conn.WriteMessage(transport.Binary, data))
		}
		send(etf.Tuple{etf.Charlist("token"), etf.Binary("XCP.good")})
		shapes := []etf.Term{
			etf.Tuple{etf.Atom("fedecks_token"), etf.Nil},
			etf.Tuple{etf.Atom("fedecks_server_pong"), etf.Binary(device)},
			etf.Error,
			etf.Charlist("token_please"),
			etf.Tuple{etf.Binary("token"), etf.Binary("XCP.other")},
		}
		for _, term := range shapes {
			send(term)
		}
		require.Equal(r.t, shapes, r.messages(), "messages like others")
		send(etf.Tuple{etf.Charlist("token"), etf.Nil})
		require.Equal(r.t, []string{"dropped"}, r.names(), "told, and not obeyed")
		data, err := os.ReadFile(r.cfg.TokenFile)
		require.NoError(r.t, err)
		stored, err := protocol.ReadTokenFile(data)
		require.NoError(r.t, err)
		require.Equal(r.t, "XCP.good", stored)
	})
}

// failing is a stream whose writes fail once it is told to, while reading goes on waiting.
type failing struct {
	net.Conn
	mu  sync.Mutex
	bad bool
}

func (f *failing) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bad {
		return 0, errTest
	}
	return f.Conn.Write(p)
}

func (f *failing) fail() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bad = true
}

// Fault 13: after a failed send the client sits on a closed connection and says that it is
// connected, until the next ping fails.
func TestFailedSendEndsTheConnection(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		var stream *failing
		r.startServer()
		r.cfg.Dialer = &transport.PipeDialer{Listener: r.listener, Wrap: func(c net.Conn) net.Conn {
			stream = &failing{Conn: c}
			return stream
		}}
		r.startClient()
		r.login()
		r.names()
		stream.fail()
		require.ErrorIs(r.t, r.client.Send(r.t.Context(), "lost"), errTest, "the sender is told")
		time.Sleep(time.Second)
		names := r.names()
		require.Equal(
			r.t,
			[]string{"connection_error", "connection_lost", "connection_scheduled"},
			names[:min(3, len(names))],
		)
		time.Sleep(4 * time.Second)
		require.Equal(
			r.t,
			fedecks.Connected,
			r.client.Status(),
			"and a new one is up long before the next ping",
		)
		require.NoError(r.t, r.client.Send(r.t.Context(), "arrives"))
	})
}

// An event reports queued messages that are lost, also when the connector itself crashes.
func TestQueueOfACrashedConnectorIsTold(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.cfg.Queue = 8
		r.start()
		r.login()
		r.stopServer()
		time.Sleep(time.Second)
		for i := range 3 {
			require.NoError(r.t, r.client.Send(r.t.Context(), i))
		}
		r.names()
		crashed := false
		r.mu.Lock()
		r.inject = func(path, _ string, msg any) {
			if path == "fedecks-client/connector" && msg != nil && !crashed {
				crashed = true
				panic(errTest)
			}
		}
		r.mu.Unlock()
		require.NoError(r.t, r.client.Reconnect())
		lost := 0
		for _, name := range r.names() {
			if name == "dropped" {
				lost++
			}
		}
		require.Equal(r.t, 3, lost)
	})
}

// Credentials live as long as their attempt: they reach neither the disc nor a log, not even at the
// lowest level.
func TestCredentialsAreNeverStored(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		const secret = "do not log this"
		r.srvCfg.Handler.Authenticate = func(_ context.Context, l server.Login) (bool, error) {
			word, _ := l.Credentials.Text("password")
			return word == secret, nil
		}
		var log bytes.Buffer
		r.cfg.Logger = tracing(&log)
		r.start()
		for _, word := range []string{secret + "?", secret} {
			require.NoError(r.t, r.client.Login(map[string]string{"password": word}))
			synctest.Wait()
		}
		require.Equal(r.t, fedecks.Connected, r.client.Status())
		r.stopServer()
		time.Sleep(time.Minute)
		r.stopClient()
		require.NotEmpty(r.t, log.String())
		require.NotContains(r.t, log.String(), secret)
		entries, err := os.ReadDir(filepath.Dir(r.cfg.TokenFile))
		require.NoError(r.t, err)
		require.NotEmpty(r.t, entries)
		for _, e := range entries {
			data, err := os.ReadFile(filepath.Join(filepath.Dir(r.cfg.TokenFile), e.Name()))
			require.NoError(r.t, err)
			require.NotContains(r.t, string(data), secret, e.Name())
			require.False(
				r.t,
				strings.HasSuffix(e.Name(), ".tmp"),
				"nothing half written is left: %s",
				e.Name(),
			)
		}
		for _, e := range r.events {
			require.False(r.t, e.Reason != nil && strings.Contains(e.Reason.Error(), secret))
		}
	})
}

// The token file is replaced, never rewritten: a reader at any moment finds a whole token.
func TestTokenFileIsReplaced(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.start()
		r.login()
		kept := r.cfg.TokenFile + ".kept"
		require.NoError(r.t, os.Link(r.cfg.TokenFile, kept))
		before, err := os.ReadFile(kept)
		require.NoError(r.t, err)
		time.Sleep(3*time.Hour + time.Second) // the server pushes a new one
		after, err := os.ReadFile(r.cfg.TokenFile)
		require.NoError(r.t, err)
		require.NotEqual(r.t, before, after, "a new token is stored")
		same, err := os.ReadFile(kept)
		require.NoError(r.t, err)
		require.Equal(r.t, before, same, "in a new file: the old one was not touched")
		info, err := os.Stat(r.cfg.TokenFile)
		require.NoError(r.t, err)
		require.Equal(r.t, os.FileMode(0o600), info.Mode().Perm())
		entries, err := os.ReadDir(filepath.Dir(r.cfg.TokenFile))
		require.NoError(r.t, err)
		require.Len(r.t, entries, 2, "nothing else is left")
	})
}

// A token that the server refuses while others are fine ends the attempts with both words, in this
// order.
func TestRefusedTokenIsTold(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		data, err := protocol.TokenFile("XCP.forged")
		require.NoError(r.t, err)
		require.NoError(r.t, os.WriteFile(r.cfg.TokenFile, data, 0o600))
		r.start()
		time.Sleep(time.Minute)
		synctest.Wait()
		i := slices.IndexFunc(
			r.events,
			func(e fedecks.Event) bool { return e.Kind == fedecks.EventUpgradeFailed },
		)
		require.GreaterOrEqual(r.t, i, 0)
		require.True(
			r.t,
			errors.Is(r.events[i].Reason, protocol.ErrTokenRefused),
			"says what to do: %v",
			r.events[i].Reason,
		)
		require.Equal(r.t, http.StatusForbidden, r.events[i].Status)
		require.Equal(r.t, fedecks.EventUnregistered, r.events[i+1].Kind)
		require.Equal(r.t, fedecks.Unregistered, r.client.Status())
	})
}

// A refusal that says nothing about the token costs patience only, as long as the server asks for.
func TestServerThatAsksToWait(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		data, err := protocol.TokenFile("XCP.good")
		require.NoError(r.t, err)
		require.NoError(r.t, os.WriteFile(r.cfg.TokenFile, data, 0o600))
		r.listener = transport.NewListener()
		r.startClient()
		for _, status := range []int{
			http.StatusTooManyRequests, http.StatusServiceUnavailable,
			http.StatusInternalServerError,
		} {
			offer, err := r.listener.Accept()
			require.NoError(r.t, err)
			header := http.Header{}
			if status != http.StatusInternalServerError {
				header.Set("Retry-After", "90")
			}
			require.NoError(r.t, offer.Refuse(status, header, ""))
			synctest.Wait()
			require.Equal(r.t, fedecks.Scheduled, r.client.Status(), "%d", status)
			if status != http.StatusInternalServerError {
				time.Sleep(89 * time.Second)
				require.Equal(r.t, fedecks.Scheduled, r.client.Status(), "%d: not before", status)
			}
		}
		offer, err := r.listener.Accept()
		require.NoError(r.t, err)
		auth, err := protocol.ParseAuth(
			offer.Request.Header.Values(protocol.HeaderAuth),
			protocol.Codec{},
		)
		require.NoError(r.t, err)
		require.Equal(r.t, "XCP.good", auth.Token, "still the same")
		require.NotContains(r.t, r.names(), "unregistered")
		require.NoError(r.t, offer.Refuse(http.StatusServiceUnavailable, nil, ""))
	})
}
