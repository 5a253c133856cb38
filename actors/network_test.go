package actors_test

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors"
)

// booting is a machine whose network comes some time after the agent.
type booting struct {
	mu     sync.Mutex
	up     time.Time
	probes []string // what was asked for
}

func (b *booting) probe(_ context.Context, target *url.URL) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probes = append(b.probes, target.String())
	if time.Now().Before(b.up) {
		return errors.New("network is unreachable")
	}
	return nil
}

func (b *booting) asked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.probes
}

// awaiting starts a device whose network comes after some time.
func awaiting(t *testing.T, after time.Duration, log *logged, change, test func(*rig, *booting)) {
	t.Helper()
	b := &booting{}
	inVirtualTime(t, func(r *rig) {
		b.up = time.Now().Add(after)
		r.cfg.Hub.Network, r.cfg.Logger = b.probe, zerolog.New(log)
		change(r, b)
	}, func(r *rig) { test(r, b) })
}

func asIs(*rig, *booting) {}

// A machine that boots is connected as soon as there is a network, and has nothing to complain of.
func TestFirstDialWaitsForTheNetwork(t *testing.T) {
	var log logged
	awaiting(t, 40*time.Second, &log, asIs, func(r *rig, _ *booting) {
		status := r.dev.Status()
		require.Equal(t, actors.Connecting, status.Connection)
		require.Equal(t, "waiting for the network: network is unreachable", status.Problem)
		r.settle(41 * time.Second)
		status = r.dev.Status()
		require.Equal(t, actors.Connected, status.Connection)
		require.Empty(t, status.Problem)
		require.EqualValues(t, 1, status.Counters.Dials)
		require.Zero(t, r.happened(actors.EventConnectFailed))
		require.Equal(t, 1, log.count("waiting for it"), "one line, however long it takes")
		require.NoError(t, r.seen.Net().Drop())
		r.settle(time.Minute)
		require.Equal(t, actors.Connected, r.dev.Status().Connection)
		require.Equal(t, 1, log.count("waiting for it"), "only the first dial waits")
	})
}

func TestNetworkThatIsThereCostsNothing(t *testing.T) {
	var log logged
	awaiting(t, 0, &log, asIs, func(r *rig, b *booting) {
		require.Equal(t, actors.Connected, r.dev.Status().Connection)
		require.Less(t, r.dev.Status().Since.Sub(r.born), 100*time.Millisecond)
		require.Len(t, b.asked(), 1)
		require.Zero(t, log.count("waiting for it"))
	})
}

// The probe may be wrong, or the network may never come: then the dials say what is the matter.
func TestNetworkIsNotAwaitedForEver(t *testing.T) {
	var log logged
	awaiting(t, 1000*time.Hour, &log, asIs, func(r *rig, b *booting) {
		r.settle(58 * time.Second)
		require.Zero(t, r.seen.Net().Sockets())
		r.settle(5 * time.Second)
		require.Equal(t, actors.Connected, r.dev.Status().Connection)
		require.LessOrEqual(t, len(b.asked()), 62)
	})
}

func TestStopWhileWaitingForTheNetwork(t *testing.T) {
	var log logged
	awaiting(t, 1000*time.Hour, &log, asIs, func(r *rig, _ *booting) {
		start := time.Now()
		require.NoError(t, r.dev.Stop(r.t.Context()))
		require.Less(t, time.Since(start), time.Second)
	})
}

// Any URL will do, and where there is a proxy only the proxy has to be reached.
func TestWhoIsLookedFor(t *testing.T) {
	var log logged
	fallback := func(r *rig, _ *booting) {
		r.cfg.Hub.URL, r.cfg.Hub.Fallbacks = "wss://a.example", []string{"ws://b.example"}
	}
	awaiting(t, 500*time.Millisecond, &log, fallback, func(_ *rig, b *booting) {
		require.Equal(
			t,
			[]string{"wss://a.example/device-socket/websocket", "ws://b.example/device-socket/websocket"},
			b.asked()[:2],
		)
	})
	proxied := func(r *rig, b *booting) {
		fallback(r, b)
		r.cfg.Hub.Proxy = func(target *url.URL) (*url.URL, error) {
			if target.Scheme != "https" {
				return nil, nil //nolint:nilnil // directly
			}
			return url.Parse("http://proxy.example:3128")
		}
	}
	awaiting(t, 500*time.Millisecond, &log, proxied, func(_ *rig, b *booting) {
		require.Equal(
			t,
			[]string{"http://proxy.example:3128", "ws://b.example/device-socket/websocket"},
			b.asked()[:2],
		)
	})
}

func TestHasRoute(t *testing.T) {
	for _, target := range []string{"ws://127.0.0.1:4001", "wss://127.0.0.1"} {
		u, err := url.Parse(target)
		require.NoError(t, err)
		require.NoError(t, actors.HasRoute(t.Context(), u), "nothing has to listen there")
	}
	require.ErrorContains(
		t,
		actors.HasRoute(t.Context(), &url.URL{Host: "no such name"}),
		"no such host",
	)
}
