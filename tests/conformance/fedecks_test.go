package conformance

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/fedecks"
	"github.com/hublink-go/hublink/actors/fedecks/server"
	"github.com/hublink-go/hublink/protocol/etf"
	core "github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/tests/needs"
)

// erlang is the other end, in the words of testdata/fedecks.escript.
func erlang(t *testing.T, args ...string) (cmd *exec.Cmd, log *bytes.Buffer) {
	const what = "Fedecks against Erlang"
	escript := needs.Program(t, "escript", what)
	needs.Program(t, "/var/lib/dpkg/info/erlang-crypto.list", what)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	cmd, log = exec.CommandContext(
		ctx,
		escript,
		append([]string{"testdata/fedecks.escript"}, args...)...), &bytes.Buffer{}
	cmd.Stderr = log
	return cmd, log
}

const erlangDevice = "dev-erl"

// A device in Erlang logs in at our server, all terms come back as they went, and the tokens of
// either are good at the other.
func TestFedecksDeviceInErlang(t *testing.T) {
	var asked atomic.Int32
	srv, err := server.New(
		server.Config{
			Secrets: []string{"a secret"},
			Salt:    "a salt",
			Codec:   core.Codec{AnyAtom: true},
			Handler: server.Handler{
				Authenticate: func(_ context.Context, l server.Login) (bool, error) {
					asked.Add(1)
					word, _ := l.Credentials.Text("password")
					return l.Device == erlangDevice && word == "right", nil
				},
				HandleIn: func(_ context.Context, _ *server.Session, t etf.Term) (server.Answer, error) {
					return server.Reply(etf.Tuple{etf.Atom("echo"), t}), nil
				},
				HandleRawIn: func(_ context.Context, _ *server.Session, data []byte) (server.Answer, error) {
					return server.Reply(etf.Tuple{etf.Atom("raw"), etf.Binary(data)}), nil
				},
			},
		},
	)
	require.NoError(t, err)
	require.NoError(t, srv.Start(t.Context()))
	defer func() { require.NoError(t, srv.Stop(context.Background())) }()
	mux := http.NewServeMux()
	mux.Handle("/fedecks/websocket", srv)
	web := httptest.NewServer(mux)
	defer web.Close()
	_, port, err := net.SplitHostPort(web.Listener.Addr().String())
	require.NoError(t, err)

	cmd, log := erlang(t, "device", port)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	require.EqualValues(t, 2, asked.Load(), "for passwords, not for tokens")
}

// Our device logs in at a server in Erlang, which speaks at once, and comes back until it is
// refused.
func TestFedecksServerInErlang(t *testing.T) {
	cmd, log := erlang(t, "server")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	go func() { ended <- cmd.Wait() }() // until the end of the server's part

	events := make(chan fedecks.Event, 1000)
	file := filepath.Join(t.TempDir(), "token")
	c, err := fedecks.New(fedecks.Config{
		URL: "ws://127.0.0.1:" + lines.Text() + "/fedecks/websocket", DeviceID: erlangDevice,
		TokenFile: file, Codec: core.Codec{AnyAtom: true},
		Times: fedecks.Times{
			BackoffMin: 10 * time.Millisecond,
			BackoffMax: 20 * time.Millisecond,
			Ping:       50 * time.Millisecond,
			Pong:       50 * time.Millisecond,
		},
		OnEvent: func(e fedecks.Event) { events <- e },
	})
	require.NoError(t, err)
	require.NoError(t, c.Start(t.Context()))
	defer func() { require.NoError(t, c.Stop(context.Background())) }()
	next := func(kind fedecks.EventKind) fedecks.Event {
		for {
			select {
			case e := <-events:
				if e.Kind == kind {
					return e
				}
				require.NotContains(t, []fedecks.EventKind{fedecks.EventDropped, fedecks.EventConnectionLost},
					e.Kind, "%v", e.Reason)
			case err := <-ended:
				t.Fatalf("waiting for %v: %v\n%s", kind, err, log)
			}
		}
	}
	login := func(word string) {
		require.NoError(t, c.Login(map[string]string{"username": "bob", "password": word}))
	}
	next(fedecks.EventUnregistered)
	login("wrong")
	require.Equal(t, http.StatusForbidden, next(fedecks.EventUpgradeFailed).Status)
	login("right")
	next(fedecks.EventConnected)
	require.Equal(t, etf.Atom("welcome"), next(fedecks.EventMessage).Term,
		"it came in one piece with the answer")
	terms := next(fedecks.EventMessage).Term.(etf.List)
	require.True(t, reflect.DeepEqual(terms, next(fedecks.EventMessage).Term),
		"compressed it is the same")
	for i, term := range terms {
		require.NoError(t, c.Send(t.Context(), term))
		require.True(t,
			reflect.DeepEqual(etf.Tuple{etf.Atom("echo"), term}, next(fedecks.EventMessage).Term), "term %d",
			i)
	}
	require.NoError(t, c.SendRaw(t.Context(), []byte("raw")))
	require.Equal(t, etf.Tuple{etf.Atom("raw"), etf.Binary("raw")}, next(fedecks.EventMessage).Term)
	for _, word := range []etf.Atom{"wait", "bye"} {
		require.NoError(t, c.Send(t.Context(), word))
		require.Equal(t, etf.Tuple{etf.Atom("echo"), word}, next(fedecks.EventMessage).Term,
			"its pongs count")
	}
	next(fedecks.EventConnectionLost)
	stored, err := os.ReadFile(file)
	require.NoError(t, err)
	require.True(t, slices.Equal([]byte{131, 'm'}, stored[:2]),
		"the token is there before it is needed")
	next(fedecks.EventConnected)
	next(fedecks.EventConnectionLost)
	require.ErrorIs(t, next(fedecks.EventUpgradeFailed).Reason, core.ErrTokenRefused)
	next(fedecks.EventUnregistered)
	if err := <-ended; err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
}
