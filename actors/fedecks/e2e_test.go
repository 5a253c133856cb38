package fedecks_test

import (
	"bytes"
	"context"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/fedecks"
	"github.com/hublink-go/hublink/actors/fedecks/server"
	hublink "github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/etf"
	protocol "github.com/hublink-go/hublink/protocol/fedecks"
)

// within is how long something on a real socket may take.
const within = 10 * time.Second

// next waits for an event of a kind and gives it.
func next(t *testing.T, events <-chan fedecks.Event, kind fedecks.EventKind) fedecks.Event {
	t.Helper()
	timeout := time.After(within)
	for {
		select {
		case e := <-events:
			if e.Kind == kind {
				return e
			}
		case <-timeout:
			require.FailNow(t, "no event "+kind.String())
		}
	}
}

// A device and a server on real sockets: first login, all kinds of terms both ways, 8 MiB, a
// restart of the device, one of the server.
func TestOverSockets(t *testing.T) {
	srv, err := server.New(
		server.Config{
			Salt:    "salt",
			Secrets: []string{"secret"},
			Codec:   protocol.Codec{AnyAtom: true},
			Handler: server.Handler{
				Authenticate: func(_ context.Context, l server.Login) (bool, error) {
					password, _ := l.Credentials.Text("password")
					return password == "right", nil
				},
				HandleIn: func(_ context.Context, _ *server.Session, term etf.Term) (server.Answer, error) {
					return server.Reply(term), nil
				},
			},
		},
	)
	require.NoError(t, err)
	require.NoError(t, srv.Start(t.Context()))
	mux := http.NewServeMux()
	mux.Handle("/fedecks/websocket", srv)
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	t.Cleanup(func() { require.NoError(t, srv.Stop(context.Background())) })

	events := make(chan fedecks.Event, 100)
	cfg := fedecks.Config{
		URL: "ws" + strings.TrimPrefix(web.URL, "http") + "/fedecks/websocket", DeviceID: device,
		TokenFile: filepath.Join(t.TempDir(), "token"), Codec: protocol.Codec{AnyAtom: true},
		Times: fedecks.Times{
			ConnectDelay: time.Millisecond,
			BackoffMin:   time.Millisecond,
			BackoffMax:   10 * time.Millisecond,
		},
		OnEvent: func(e fedecks.Event) { events <- e },
	}
	start := func() *fedecks.Client {
		c, err := fedecks.New(cfg)
		require.NoError(t, err)
		require.NoError(t, c.Start(t.Context()))
		return c
	}
	c := start()
	require.NoError(t, c.Login(map[string]string{"password": "wrong"}))
	require.Equal(t, http.StatusForbidden, next(t, events, fedecks.EventUpgradeFailed).Status)
	require.NoError(t, c.Login(map[string]string{"password": "right"}))
	next(t, events, fedecks.EventConnected)

	big300 := etf.Big{Int: new(big.Int).Lsh(big.NewInt(1), 300)}
	for _, term := range []etf.Term{
		etf.Int(-1), big300, etf.Float(1.5), etf.Atom("höhe"), etf.Binary("x"),
		etf.Bitstring{Bytes: []byte{0xa0}, Last: 3},
		etf.Charlist("abc"),
		etf.List{},
		etf.Improper{Elems: []etf.Term{etf.Int(1)}, Tail: etf.Int(2)},
		etf.Tuple{etf.OK, etf.Map{{Key: etf.Binary("k"), Value: etf.Nil}}},
		etf.Binary(bytes.Repeat([]byte("8"), 8<<20)),
	} {
		require.NoError(t, c.Send(t.Context(), term))
		got := next(t, events, fedecks.EventMessage).Term
		want, err := etf.Encode(term)
		require.NoError(t, err)
		back, err := etf.Encode(got)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, back), "%.80v came back as %.80v", term, got)
	}
	require.NoError(t, c.Stop(t.Context()))
	for len(events) > 0 {
		<-events
	}

	c = start() // the token is all that it has
	next(t, events, fedecks.EventConnected)
	require.NoError(t, c.Send(t.Context(), "hello"))
	next(
		t,
		events,
		fedecks.EventMessage,
	) // the answer 101 comes a moment before the server knows the device
	require.Positive(t, srv.Disconnect(device, hublink.CloseServiceRestart, "restart"))
	next(t, events, fedecks.EventConnectionLost)
	next(t, events, fedecks.EventConnected)
	require.NoError(t, c.Send(t.Context(), "hello"))
	next(t, events, fedecks.EventMessage)
	require.NoError(t, srv.Push(device, "still there"))
	require.Equal(t, etf.Binary("still there"), next(t, events, fedecks.EventMessage).Term)
	require.NoError(t, c.Stop(t.Context()))
}
