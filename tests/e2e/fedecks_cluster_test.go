package e2e

import (
	"context"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/fedecks"
	"github.com/hublink-go/hublink/protocol/etf"
	protocol "github.com/hublink-go/hublink/protocol/fedecks"
)

// balancer is what stands before several servers: it gives each connection to the one that is the
// target then.
type balancer struct {
	ln     net.Listener
	mu     sync.Mutex
	target string
	pipes  sync.WaitGroup
}

// before puts one before a server.
func before(t *testing.T, url string) *balancer {
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := &balancer{ln: ln}
	b.leadTo(url)
	b.pipes.Go(b.accept)
	t.Cleanup(func() {
		require.NoError(t, ln.Close())
		b.pipes.Wait()
	})
	return b
}

func (b *balancer) leadTo(url string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.target = strings.TrimSuffix(strings.TrimPrefix(url, "ws://"), "/fedecks/websocket")
}

func (b *balancer) accept() {
	for {
		in, err := b.ln.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		target := b.target
		b.mu.Unlock()
		out, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", target)
		if err != nil {
			_ = in.Close()
			continue
		}
		pipe := func(to, from net.Conn) {
			_, _ = io.Copy(to, from)
			_, _ = to.Close(), from.Close()
		}
		b.pipes.Go(func() { pipe(in, out) })
		b.pipes.Go(func() { pipe(out, in) })
	}
}

// clusterNode runs one of several servers with an embedded NATS server each.
func clusterNode(t *testing.T, name, routes string) (node *terminal, url, listens string) {
	t.Helper()
	args := []string{
		"fedecks", "server", "--listen", "127.0.0.1:0", "--username", "bob", "--password", "right",
		"--secret", "s3cret",
		"--node", name, "--nats-listen", "127.0.0.1:0", "--nats-secret", "between us",
	}
	if routes != "" {
		args = append(args, "--nats-routes", routes)
	}
	node = open(t, exec.Command(program(t, "sim"), args...))
	listens = node.sees(`other servers: --nats-routes (\S+)`)
	return node, node.sees(`listening on (ws://\S+)`), listens
}

// clusterDevice is one whose events are looked at in order.
type clusterDevice struct {
	t      *testing.T
	client *fedecks.Client
	events chan fedecks.Event
}

func startDevice(t *testing.T, id string, b *balancer) *clusterDevice {
	d := &clusterDevice{t: t, events: make(chan fedecks.Event, 1000)}
	var err error
	d.client, err = fedecks.New(fedecks.Config{
		URL: "ws://" + b.ln.Addr().
			String() +
			"/fedecks/websocket", DeviceID: id, TokenFile: filepath.Join(t.TempDir(), "token"),
		Codec: protocol.Codec{AnyAtom: true},
		Times: fedecks.Times{
			ConnectDelay: time.Millisecond,
			BackoffMin:   10 * time.Millisecond,
			BackoffMax:   100 * time.Millisecond,
		},
		OnEvent: func(e fedecks.Event) { d.events <- e },
	})
	require.NoError(t, err)
	require.NoError(t, d.client.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, d.client.Stop(context.Background())) })
	return d
}

func (d *clusterDevice) sees(kind fedecks.EventKind) fedecks.Event {
	d.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case e := <-d.events:
			if e.Kind == kind {
				return e
			}
		case <-timeout:
			require.FailNow(d.t, "no event "+kind.String())
		}
	}
}

// Three servers, each a process with NATS in it; one is killed.
func TestFedecksCluster(t *testing.T) {
	a, urlA, routeA := clusterNode(t, "a", "")
	b, urlB, _ := clusterNode(t, "b", routeA)
	c, _, routeC := clusterNode(t, "c", routeA) // b and c learn of each other through a
	balancer := before(t, urlA)

	device := startDevice(t, "gw-1", balancer)
	device.sees(fedecks.EventUnregistered)
	require.NoError(t, device.client.Login(map[string]string{"username": "bob", "password": "right"}))
	device.sees(fedecks.EventConnected)
	stays := startDevice(t, "gw-2", before(t, urlB))
	require.NoError(t, stays.client.Login(map[string]string{"username": "bob", "password": "right"}))
	stays.sees(fedecks.EventConnected)
	for _, node := range []*terminal{a, b, c} {
		node.sees("gw-1 connected at a")
		node.sees("gw-2 connected at b")
	}
	c.types("gw-1 {hello, 1}.")
	require.Equal(t, etf.Tuple{etf.Atom("hello"), etf.Int(1)}, device.sees(fedecks.EventMessage).Term,
		"a device at a is reached from c")
	c.types("[for, all].")
	for _, d := range []*clusterDevice{device, stays} {
		require.Equal(t, etf.List{etf.Atom("for"), etf.Atom("all")}, d.sees(fedecks.EventMessage).Term)
	}

	require.NoError(t, a.cmd.Process.Kill())
	killed := time.Now()
	_ = a.cmd.Wait() // killed
	// a closed port: the device stays disconnected
	balancer.leadTo("ws://127.0.0.1:1/fedecks/websocket")
	for _, node := range []*terminal{b, c} {
		node.sees("gw-1 disconnected at a")
	}
	require.Less(t, time.Since(killed), 10*time.Second, "a node that dies is missed")
	require.NotContains(t, c.out.String(), "gw-2 disconnected")

	balancer.leadTo(urlB)
	device.sees(fedecks.EventConnected) // with the token of a
	for _, node := range []*terminal{b, c} {
		node.sees("gw-1 connected at b")
	}
	c.types("gw-1 again.")
	require.Equal(t, etf.Atom("again"), device.sees(fedecks.EventMessage).Term,
		"and is reached where it is now")

	again, _, _ := clusterNode(t, "a", routeC)
	again.sees("gw-1 connected at b")
	again.types("gw-1 welcome.")
	require.Equal(t, etf.Atom("welcome"), device.sees(fedecks.EventMessage).Term,
		"a new a knows who is where")
	for _, node := range []*terminal{again, b, c} {
		node.interrupt()
	}
}

// The same over an external NATS server, whose password is in the environment.
func TestFedecksOverExternalNATS(t *testing.T) {
	nats, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, Username: "fleet", Password: "hunter2",
		NoSigs: true, NoLog: true,
	})
	require.NoError(t, err)
	nats.Start()
	t.Cleanup(func() {
		nats.Shutdown()
		nats.WaitForShutdown()
	})
	require.True(t, nats.ReadyForConnections(patience))
	t.Setenv(
		"FEDECKS_NATS_URL",
		strings.Replace(nats.ClientURL(), "nats://", "nats://fleet:hunter2@", 1),
	)
	var nodes []*terminal
	var url string
	for _, name := range []string{"x", "y"} {
		node := open(
			t,
			exec.Command(
				program(t, "sim"),
				"fedecks",
				"server",
				"--listen",
				"127.0.0.1:0",
				"--username",
				"bob",
				"--password",
				"right",
				"--secret",
				"s3cret",
				"--node",
				name,
				"--verbose",
			),
		)
		url = node.sees(`listening on (ws://\S+)`)
		nodes = append(nodes, node)
	}
	device := startDevice(t, "gw-1", before(t, url))
	require.NoError(t, device.client.Login(map[string]string{"username": "bob", "password": "right"}))
	device.sees(fedecks.EventConnected)
	nodes[0].sees("gw-1 connected at y")
	nodes[0].types("gw-1 hello.")
	require.Equal(t, etf.Atom("hello"), device.sees(fedecks.EventMessage).Term)
	for _, node := range nodes {
		node.interrupt()
		require.NotContains(t, node.log.String(), "hunter2", "no password in a log")
	}
}
