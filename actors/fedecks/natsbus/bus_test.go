package natsbus_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/fedecks/natsbus"
	"github.com/hublink-go/hublink/actors/fedecks/server"
	"github.com/hublink-go/hublink/actors/fedecks/server/bustest"
	"github.com/hublink-go/hublink/tests/output"
)

const within = 20 * time.Second

func open(t *testing.T, cfg natsbus.Config) *natsbus.Bus {
	t.Helper()
	bus, err := natsbus.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, bus.Close())
		require.NoError(t, bus.Close(), "closing twice is fine")
		require.ErrorIs(t, bus.Publish("", nil), server.ErrBusDown)
	})
	return bus
}

// external runs a NATS server that is not embedded.
func external(t *testing.T, opts natsserver.Options) (srv *natsserver.Server, url string) {
	t.Helper()
	opts.Host, opts.NoSigs, opts.NoLog = "127.0.0.1", true, true
	if opts.Port == 0 {
		opts.Port = natsserver.RANDOM_PORT
	}
	srv, err := natsserver.NewServer(&opts)
	require.NoError(t, err)
	srv.Start()
	require.True(t, srv.ReadyForConnections(within))
	t.Cleanup(func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	})
	return srv, srv.ClientURL()
}

func TestEmbeddedAlone(t *testing.T) {
	bus := open(t, natsbus.Config{MaxMessage: 64 << 10})
	require.Empty(t, bus.Addr(), "no other process can reach it")
	bustest.Run(
		t,
		bustest.Options{Open: func(*testing.T, int) server.Bus { return bus }, Max: 64 << 10},
	)
}

func TestEmbeddedServersFindEachOther(t *testing.T) {
	first := open(t, natsbus.Config{Listen: "127.0.0.1:0", Secret: "s3cret/?@"})
	second := open(
		t,
		natsbus.Config{Listen: "127.0.0.1:0", Routes: []string{first.Addr()}, Secret: "s3cret/?@"},
	)
	third := open(
		t,
		natsbus.Config{Listen: "127.0.0.1:0", Routes: []string{first.Addr()}, Secret: "s3cret/?@"},
	) // and learns of the second
	all := []*natsbus.Bus{first, second, third}
	bustest.Run(
		t,
		bustest.Options{
			Open:   func(_ *testing.T, node int) server.Bus { return all[node] },
			Max:    8 << 20,
			Within: within,
		},
	)
}

func TestExternal(t *testing.T) {
	srv, url := external(t, natsserver.Options{Username: "u", Password: "p"})
	url = strings.Replace(url, "nats://", "nats://u:p@", 1)
	var all []*natsbus.Bus
	for range 3 {
		all = append(all, open(t, natsbus.Config{URL: url}))
	}
	before := srv.NumSubscriptions()
	bustest.Run(
		t,
		bustest.Options{
			Open:   func(_ *testing.T, node int) server.Bus { return all[node] },
			Max:    1 << 20,
			Within: within,
		},
	)
	var leave []func()
	for i, bus := range all {
		l, err := bus.Join(fmt.Sprint("n", i), func([]byte) {})
		require.NoError(t, err)
		leave = append(leave, l)
		require.NoError(t, bus.Publish("n0", nil))
	}
	require.Eventually(
		t,
		func() bool { return srv.NumSubscriptions() == before+3 },
		within,
		10*time.Millisecond,
		"one subscription a node",
	)
	for _, l := range leave {
		l()
	}
}

func TestExternalServerThatComesLateAndGoes(t *testing.T) {
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := probe.Addr().(*net.TCPAddr).Port
	require.NoError(t, probe.Close())

	var out output.Text
	bus := open(
		t,
		natsbus.Config{
			URL:    fmt.Sprintf("nats://u:hunter2@127.0.0.1:%d", port),
			Logger: zerolog.New(&out),
		},
	)
	got := make(chan string, 100)
	leave, err := bus.Join("n", func(data []byte) { got <- string(data) })
	require.NoError(t, err)
	defer leave()
	require.ErrorIs(t, bus.Publish("n", []byte("lost")), server.ErrBusDown)
	require.Contains(t, out.String(), "cannot be reached")

	for i := range 2 {
		srv, _ := external(t, natsserver.Options{Port: port})
		want := fmt.Sprint("hello ", i)
		require.Eventually(
			t,
			func() bool { return bus.Publish("n", []byte(want)) == nil },
			within,
			10*time.Millisecond,
		)
		select {
		case s := <-got:
			require.Equal(t, want, s, "nothing of the time without a server")
		case <-time.After(within):
			require.FailNow(t, "not received")
		}
		srv.Shutdown()
		srv.WaitForShutdown()
		require.Eventually(
			t,
			func() bool { return bus.Publish("n", []byte("lost")) != nil },
			within,
			10*time.Millisecond,
		)
	}
	require.Contains(t, out.String(), "is lost")
	require.NotContains(t, out.String(), "hunter2")
}

func TestWhoDoesNotKnowTheSecretStaysOutside(t *testing.T) {
	var out output.Text
	first := open(
		t,
		natsbus.Config{Listen: "127.0.0.1:0", Secret: "right-one", Logger: zerolog.New(&out)},
	)
	got := make(chan string, 100)
	leave, err := first.Join("n", func(data []byte) { got <- string(data) })
	require.NoError(t, err)
	defer leave()
	stranger := open(
		t,
		natsbus.Config{
			Listen: "127.0.0.1:0",
			Secret: "wrong-one",
			Routes: []string{first.Addr()},
			Logger: zerolog.New(&out),
		},
	)
	require.Eventually(
		t,
		func() bool { return strings.Contains(strings.ToLower(out.String()), "authorization") },
		within,
		10*time.Millisecond,
	)
	require.NoError(t, stranger.Publish("n", []byte("from outside")))
	require.NoError(t, first.Publish("n", []byte("from inside")))
	require.Equal(t, "from inside", <-got)
	require.Empty(t, got)
	require.NotContains(t, out.String(), "right-one")
	require.NotContains(t, out.String(), "wrong-one")
}

func TestConfigErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for want, cfg := range map[string]natsbus.Config{
		"either an URL":          {URL: "nats://h", Listen: "127.0.0.1:0"},
		"they need Listen":       {Routes: []string{"h:1"}},
		"is not host:port":       {Listen: "127.0.0.1"},
		"set a Secret":           {Listen: ":6222"},
		"route":                  {Listen: "127.0.0.1:0", Routes: []string{"h"}},
		"letters":                {Name: "a.b"},
		"from 65536 to 67108864": {MaxMessage: 1 << 30},
		"want nats://host:port":  {URL: "http://u:hunter2@h"},
		"not shown":              {URL: "nats://u:hunter2@h:port"},
		"there is no URL":        {Credentials: "file"},
		"address already in use": {Listen: taken.Addr().String()},
	} {
		bus, err := natsbus.Open(context.Background(), cfg)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "hunter2")
		require.Nil(t, bus)
	}
}
