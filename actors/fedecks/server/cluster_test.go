package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/fedecks/server"
	"github.com/hublink-go/hublink/actors/fedecks/server/bustest"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/etf"
	"github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/supervisor"
	"github.com/hublink-go/hublink/supervisor/supervisortest"
)

func TestLocalBus(t *testing.T) {
	var bus server.Local
	bustest.Run(t, bustest.Options{Open: func(*testing.T, int) server.Bus { return &bus }})
	leave, err := bus.Join("a", func([]byte) {})
	require.NoError(t, err)
	defer leave()
	_, err = bus.Join("a", func([]byte) {})
	require.ErrorContains(t, err, "taken")
}

// air is a bus of which any connection can be cut, and any message lost.
type air struct {
	mu   sync.Mutex
	ears map[string]func([]byte)
	deaf func(from, to string) bool
	err  error
}

// mast is one node's way to the air.
type mast struct {
	*air
	name string
}

func (m mast) Join(node string, receive func([]byte)) (func(), error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ears[node] = receive
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.ears, node)
	}, nil
}

func (m mast) Publish(to string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	for name, ear := range m.ears {
		if (to == "" || to == name) && (m.deaf == nil || !m.deaf(m.name, name)) {
			ear(data)
		}
	}
	return nil
}

func (a *air) cut(deaf func(from, to string) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.deaf = deaf
}

// fleet is some servers in one cluster.
type fleet struct {
	*rig             // the first
	in    *testing.T // of the bubble
	air   *air
	nodes map[string]*rig
}

func inCluster(t *testing.T, change func(c *server.Config), test func(f *fleet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{in: t, air: &air{ears: map[string]func([]byte){}}, nodes: map[string]*rig{}}
		for _, name := range []string{"a", "b", "c"} {
			f.start(name, change)
		}
		f.rig = f.nodes["a"]
		synctest.Wait()
		require.Equal(t, []string{"a", "b", "c"}, f.srv.Nodes())
		test(f)
	})
}

func (f *fleet) start(name string, change func(c *server.Config)) *rig {
	r := &rig{t: f.in, listener: transport.NewListener()}
	r.cfg = server.Config{
		Salt: "salt", Secrets: []string{"secret"}, Cluster: server.Cluster{Node: name, Bus: mast{
			f.air,
			name,
		}}, Limits: server.Limits{Rate: -1, Idle: 24 * time.Hour},
		Handler: server.Handler{
			Authenticate: func(context.Context, server.Login) (bool, error) { return true, nil },
			ConnectionEstablished: func(_ context.Context, s *server.Session) error {
				s.Subscribe("all")
				s.SetMeta(map[string]string{"at": name})
				return nil
			},
		},
	}
	if change != nil {
		change(&r.cfg)
	}
	r.run()
	f.nodes[name] = r
	return r
}

func (r *rig) heard() []server.PresenceEvent {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	came := r.came
	r.came = nil
	return came
}

func TestDeviceOnAnotherNodeIsReached(t *testing.T) {
	inCluster(t, nil, func(f *fleet) {
		p := f.connect("dev-1") // to a
		c := f.nodes["c"]
		require.NoError(f.t, c.srv.Push("dev-1", etf.Tuple{etf.OK, etf.Int(7)}))
		require.Equal(f.t, []etf.Term{etf.Tuple{etf.OK, etf.Int(7)}}, p.received())
		require.ErrorIs(f.t, c.srv.Push("dev-2", 1), server.ErrOffline)
		require.ErrorContains(f.t, c.srv.Notify("dev-1", 1), "to node a, which only Push reaches")

		online, ok := c.srv.Online("dev-1")
		require.True(f.t, ok)
		require.Equal(f.t, "a", online.Node)
		require.Equal(f.t, map[string]string{"at": "a"}, online.Meta, "metadata travels")
		require.WithinDuration(f.t, time.Now(), online.Since, time.Second)
		require.Len(f.t, c.srv.Presence(), 1)

		q := c.connect("dev-2")
		n, err := f.nodes["b"].srv.Broadcast("all", 5)
		require.NoError(f.t, err)
		require.Zero(f.t, n, "none of b's own")
		require.Equal(f.t, []etf.Term{etf.Int(5)}, p.received())
		require.Equal(f.t, []etf.Term{etf.Int(5)}, q.received())
		n, err = f.srv.Broadcast("all", 6)
		require.NoError(f.t, err)
		require.Equal(f.t, 1, n)
		require.Equal(f.t, []etf.Term{etf.Int(6)}, p.received(), "once, though a hears itself")
		require.Equal(f.t, []etf.Term{etf.Int(6)}, q.received())

		require.Equal(f.t, 1, f.nodes["b"].srv.Disconnect("dev-1", 4000, "out"))
		require.Equal(f.t, 4000, p.closed())
		require.Equal(
			f.t,
			[]server.PresenceEvent{
				{Device: "dev-1", Joined: true},
				{Device: "dev-2", Joined: true},
				{Device: "dev-1"},
			},
			f.nodes["b"].heard(),
		)
	})
}

func TestNewestSessionWinsOverTheCluster(t *testing.T) {
	inCluster(t, nil, func(f *fleet) {
		var older *peer
		for _, name := range []string{"a", "c", "b", "a", "a", "c"} {
			newer := f.nodes[name].connect("dev-1")
			if older != nil {
				require.Equal(f.t, protocol.ClosePolicy, older.closed())
			}
			require.Zero(f.t, newer.closed())
			require.Contains(f.t, []string{name}, f.whereIs("dev-1"))
			require.NoError(f.t, f.nodes["b"].srv.Push("dev-1", 1))
			require.Equal(f.t, []etf.Term{etf.Int(1)}, newer.received())
			older = newer
		}
		for name, r := range f.nodes {
			require.Equal(
				f.t,
				[]server.PresenceEvent{{Device: "dev-1", Joined: true}},
				r.heard(),
				"on %s the device never left",
				name,
			)
		}
	})
}

func (f *fleet) whereIs(device string) string {
	synctest.Wait()
	at := map[string]bool{}
	node := ""
	for _, r := range f.nodes {
		p, _ := r.srv.Online(device)
		require.Equal(f.t, 1, p.Sessions)
		at[p.Node], node = true, p.Node
	}
	require.Len(f.t, at, 1, "all agree: %v", at)
	return node
}

func TestOtherPoliciesOverTheCluster(t *testing.T) {
	inCluster(t, func(c *server.Config) { c.Duplicates = server.AllowBoth }, func(f *fleet) {
		both := []*peer{f.connect("dev-1"), f.nodes["c"].connect("dev-1")}
		time.Sleep(time.Minute)
		for _, r := range f.nodes {
			require.NoError(f.t, r.srv.Push("dev-1", 1))
			for _, p := range both {
				require.Equal(f.t, []etf.Term{etf.Int(1)}, p.received(), "each gets it once")
			}
			online, _ := r.srv.Online("dev-1")
			require.Equal(f.t, 2, online.Sessions)
			require.Equal(f.t, "c", online.Node, "of the newest")
		}
		require.Equal(f.t, 2, f.nodes["b"].srv.Disconnect("dev-1", 4000, ""))
	})
	inCluster(t, func(c *server.Config) { c.Duplicates = server.RefuseNewer }, func(f *fleet) {
		p := f.connect("dev-1")
		_, err := f.nodes["c"].dial(password(f.t, "dev-1", "right"))
		require.Equal(f.t, http.StatusConflict, status(f.t, err))
		require.Zero(f.t, p.closed())
	})
}

func TestDevicesOfADeadNodeLeaveWithinTenSeconds(t *testing.T) {
	inCluster(t, nil, func(f *fleet) {
		f.connect("dev-1")
		time.Sleep(7 * time.Second)
		f.air.cut(func(from, to string) bool { return from == "a" || to == "a" })
		died := time.Now()
		time.Sleep(5 * time.Second)
		_, online := f.nodes["c"].srv.Online("dev-1")
		require.True(f.t, online, "not at the first lost beat")
		time.Sleep(5 * time.Second)
		_, online = f.nodes["c"].srv.Online("dev-1")
		require.False(f.t, online, "after %s", time.Since(died))
		require.Equal(f.t, []string{"b", "c"}, f.nodes["c"].srv.Nodes())
		require.Equal(
			f.t,
			[]server.PresenceEvent{{Device: "dev-1", Joined: true}, {Device: "dev-1"}},
			f.nodes["c"].heard(),
		)
		require.ErrorIs(f.t, f.nodes["c"].srv.Push("dev-1", 1), server.ErrOffline)

		q := f.nodes["b"].connect("dev-1")
		require.NoError(f.t, f.nodes["c"].srv.Push("dev-1", 1), "it has come back elsewhere")
		require.Equal(f.t, []etf.Term{etf.Int(1)}, q.received())
	})
}

func TestPartitionHeals(t *testing.T) {
	inCluster(t, nil, func(f *fleet) {
		old, stays := f.connect("moves"), f.connect("stays")
		token := stays.token()
		f.air.cut(func(from, to string) bool { return (from == "a") != (to == "a") })
		time.Sleep(time.Minute)
		newer := f.nodes["c"].connect("moves")
		f.nodes["b"].srv.Revoke("stays")
		require.Zero(f.t, old.closed(), "a does not know")
		header, err := fedecks.TokenHeader("stays", token)
		require.NoError(f.t, err)
		f.air.cut(nil)
		time.Sleep(4 * time.Second)
		require.Equal(f.t, protocol.ClosePolicy, old.closed())
		require.Zero(f.t, newer.closed())
		require.Equal(f.t, "c", f.whereIs("moves"))
		require.Equal(f.t, protocol.ClosePolicy, stays.closed(), "the revocation has come too")
		for name, r := range f.nodes {
			_, err := r.dial(header)
			require.Equal(f.t, http.StatusForbidden, status(f.t, err), name)
			require.Equal(f.t, []string{"a", "b", "c"}, r.srv.Nodes())
		}
	})
}

func TestRevocationReachesAllNodes(t *testing.T) {
	inCluster(t, nil, func(f *fleet) {
		p, other := f.connect("dev-1"), f.connect("dev-2")
		old, err := fedecks.TokenHeader("dev-1", p.token())
		require.NoError(f.t, err)
		f.nodes["c"].srv.Revoke("dev-1")
		require.Equal(f.t, protocol.ClosePolicy, p.closed())
		require.Zero(f.t, other.closed())
		late := f.start("late", nil)
		synctest.Wait()
		for name, r := range f.nodes {
			_, err = r.dial(old)
			require.Equal(f.t, http.StatusForbidden, status(f.t, err), name)
		}
		time.Sleep(time.Millisecond)
		fresh, err := fedecks.TokenHeader("dev-1", late.connect("dev-1").token())
		require.NoError(f.t, err)
		conn, err := f.dial(fresh)
		require.NoError(f.t, err, "who logs in again has a good token everywhere")
		f.peer(conn)
		time.Sleep(time.Hour)
		require.Equal(f.t, "a", f.whereIs("dev-1"), "and is not closed again")
	})
}

// A node that has not heard yet goes on giving tokens; they are worthless when it has.
func TestTokensMadeBeforeTheRevocationWasHeard(t *testing.T) {
	inCluster(t, nil, func(f *fleet) {
		p := f.nodes["c"].connect("dev-1")
		f.air.cut(func(from, to string) bool { return from == "c" || to == "c" })
		f.srv.Revoke("dev-1")
		time.Sleep(5 * time.Second)
		escaped, err := fedecks.TokenHeader("dev-1", p.token())
		require.NoError(f.t, err)
		f.air.cut(nil)
		time.Sleep(4 * time.Second)
		require.Equal(f.t, protocol.ClosePolicy, p.closed())
		for name, r := range f.nodes {
			_, err := r.dial(escaped)
			require.Equal(f.t, http.StatusForbidden, status(f.t, err), name)
		}
	})
}

func TestExchangeThatCrashesBeginsAnew(t *testing.T) {
	var systems []*supervisor.System
	in := supervisortest.NewInjector(1)
	inCluster(t, func(c *server.Config) {
		opts := supervisor.Options{Name: c.Cluster.Node}
		if c.Cluster.Node == "a" {
			opts.Inject = in.Inject
		}
		sys, err := supervisor.NewSystem(opts)
		require.NoError(t, err)
		systems, c.System = append(systems, sys), sys
	}, func(f *fleet) {
		f.t.Cleanup(func() {
			for _, sys := range systems {
				_, err := sys.Shutdown(context.Background())
				require.NoError(f.t, err)
			}
		})
		here, there := f.connect("here"), f.nodes["b"].connect("there")
		stolen, err := fedecks.TokenHeader("stolen", f.connect("stolen").token())
		require.NoError(f.t, err)
		f.air.cut(func(_, _ string) bool { return true })
		f.srv.Revoke("stolen")
		time.Sleep(time.Second)
		shot := in.CrashAt("fedecks/exchange", 1)
		time.Sleep(4 * time.Second)
		_, hit := shot.Hit()
		require.True(f.t, hit)
		f.air.cut(nil)
		time.Sleep(4 * time.Second)
		_, err = f.nodes["b"].dial(stolen)
		require.Equal(
			f.t,
			http.StatusForbidden,
			status(f.t, err),
			"the revocation is not forgotten, and told",
		)
		require.Zero(f.t, here.closed(), "connections stay")
		require.NoError(f.t, f.nodes["c"].srv.Push("here", 1))
		require.Equal(f.t, []etf.Term{etf.Int(1)}, here.received())
		require.NoError(f.t, f.srv.Push("there", 1))
		require.Equal(f.t, []etf.Term{etf.Int(1)}, there.received())
		require.Equal(f.t, []string{"a", "b", "c"}, f.srv.Nodes())
		require.Len(f.t, f.srv.Presence(), 2)
	})
}

func TestLateJoinerKnowsEverybody(t *testing.T) {
	inCluster(t, nil, func(f *fleet) {
		for i := range 200 {
			f.nodes[string("abc"[i%3])].connect(fmt.Sprint("dev-", i))
		}
		late := f.start("late", nil)
		synctest.Wait()
		require.Len(f.t, late.srv.Presence(), 200)
		require.Len(f.t, late.heard(), 200)
		require.NoError(f.t, late.srv.Push("dev-77", 1))
		require.NoError(f.t, late.srv.Stop(context.Background()))
		synctest.Wait()
		require.Equal(f.t, []string{"a", "b", "c"}, f.srv.Nodes(), "it has said goodbye")
	})
}

func TestBusThatIsDown(t *testing.T) {
	inCluster(t, nil, func(f *fleet) {
		here, there := f.connect("here"), f.nodes["b"].connect("there")
		f.air.mu.Lock()
		f.air.err = server.ErrBusDown
		f.air.mu.Unlock()
		require.ErrorIs(f.t, f.srv.Push("there", 1), server.ErrBusDown)
		require.NoError(f.t, f.srv.Push("here", 1), "what is here works on")
		n, err := f.srv.Broadcast("all", 2)
		require.ErrorIs(f.t, err, server.ErrBusDown)
		require.Equal(f.t, 1, n)
		require.Equal(f.t, []etf.Term{etf.Int(1), etf.Int(2)}, here.received())
		require.Empty(f.t, there.received())
		f.connect("new")
		time.Sleep(20 * time.Second)
		require.False(
			f.t,
			errors.Is(f.srv.Push("there", 1), server.ErrBusDown),
			"its node is as good as dead",
		)
		f.air.mu.Lock()
		f.air.err = nil
		f.air.mu.Unlock()
		time.Sleep(4 * time.Second)
		require.NoError(f.t, f.srv.Push("there", 3))
		require.Equal(f.t, []etf.Term{etf.Int(3)}, there.received())
		require.NoError(f.t, f.nodes["c"].srv.Push("new", 3), "what was not told then is known now")
	})
}

// A server that could not start leaves nothing behind and can be started again.
func TestStartThatFailsCanBeRepeated(t *testing.T) {
	bus := &server.Local{}
	leave, err := bus.Join("a", func([]byte) {})
	require.NoError(t, err)
	srv, err := server.New(server.Config{
		Salt: "s", Secrets: []string{"s"}, Cluster: server.Cluster{Bus: bus, Node: "a"},
		Handler: server.Handler{
			Authenticate: func(context.Context, server.Login) (bool, error) { return true, nil },
		},
	})
	require.NoError(t, err)
	require.ErrorContains(t, srv.Start(t.Context()), "the name is taken")
	leave()
	require.NoError(t, srv.Start(t.Context()))
	require.NoError(t, srv.Stop(context.Background()))
}

func TestClusterConfigErrors(t *testing.T) {
	_, err := server.New(server.Config{
		Salt: "s", Secrets: []string{"s"}, Cluster: server.Cluster{Node: "a.b", Bus: &server.Local{}},
		Handler: server.Handler{
			Authenticate: func(context.Context, server.Login) (bool, error) { return true, nil },
		},
	})
	require.ErrorIs(t, err, server.ErrNodeName)
}
