package conformance

import (
	"context"
	"crypto/tls"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/firmwaretest"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/hubtest"
	"github.com/hublink-go/hublink/protocol/transport"
)

const gateway = "gateway-1"

// agent is a device behind a proxy, with what it says of itself.
type agent struct {
	*actors.Device
	t      *testing.T
	mu     sync.Mutex
	events []actors.Event
}

// newAgent starts a device that knows of the hub what nginx shows of it.
func newAgent(t *testing.T, n *nginx, change func(*actors.Config)) *agent {
	t.Helper()
	a := &agent{t: t}
	slots := firmwaretest.NewDevice(firmware.Metadata{
		"uuid": "fw-1", "product": "product", "version": "1.0.0", "platform": "bench",
		"architecture": "any",
	}, 8<<20)
	cfg := actors.Config{
		Identity: gateway,
		Hub: actors.Hub{
			URL:     "wss://" + n.Address,
			TLS:     &tls.Config{RootCAs: n.Roots, MinVersion: tls.VersionTLS12},
			Network: actors.HasRoute,
		},
		Firmware: actors.Firmware{
			Slots:   slots,
			Applier: slots,
			Journal: actors.FileJournal{Path: filepath.Join(t.TempDir(), "journal")},
		},
		OnEvent: a.note,
	}
	change(&cfg)
	var err error
	a.Device, err = actors.New(cfg)
	require.NoError(t, err)
	require.NoError(t, a.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := a.Stop(ctx); err != nil && !errors.Is(err, actors.ErrReboot) {
			t.Error(err)
		}
	})
	return a
}

func withSecret(hub *hubtest.Hub) func(*actors.Config) {
	secret := hub.Secret(gateway)
	return func(cfg *actors.Config) { cfg.Hub.Secret = &secret }
}

func (a *agent) note(e actors.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, e)
}

// eventually waits for an event of a kind that is as wanted, and returns the first one.
func (a *agent) eventually(
	kind actors.EventKind,
	wanted func(actors.Event) bool,
) (found actors.Event) {
	a.t.Helper()
	require.Eventually(a.t, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		at := slices.IndexFunc(a.events, func(e actors.Event) bool { return e.Kind == kind && wanted(e) })
		if at >= 0 {
			found = a.events[at]
		}
		return at >= 0
	}, patience, time.Millisecond, "%v never comes: %+v", kind, a.Status())
	return found
}

func whatever(actors.Event) bool { return true }

// closed is the close that the device saw.
func (a *agent) closed() *transport.CloseError {
	a.t.Helper()
	lost := a.eventually(actors.EventDisconnected, whatever)
	var seen *transport.CloseError
	require.ErrorAs(a.t, lost.Err, &seen)
	return seen
}

func address(hub *hubtest.Hub) string { return strings.TrimPrefix(hub.URL(), "ws://") }

func waitFor(t *testing.T, d *hubtest.Device, why string, cond func(hubtest.Snapshot) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, d.Wait(ctx, cond), why)
}

func joined(times int) func(hubtest.Snapshot) bool {
	return func(s hubtest.Snapshot) bool { return s.Online && s.Joins == times }
}

// What the device and the hub say to each other passes nginx: compressed, in both directions, and
// the code of a close. An idle socket is kept open by the heartbeats.
func TestBehindNginx(t *testing.T) {
	hub := hubtest.Run(t, hubtest.Config{Record: 1000})
	n := newNginx(t, address(hub), "proxy_read_timeout 5s;")
	a := newAgent(t, n, func(cfg *actors.Config) {
		withSecret(hub)(cfg)
		cfg.Hub.Heartbeat = time.Second
	})
	seen := hub.Device(gateway)
	waitFor(t, seen, "it joins", joined(1))
	talk := seen.Converse(t)
	for range 7 {
		talk.ExpectLater("a heartbeat a second", hubtest.Heartbeat())
	}
	talk.ExpectSameSocket("heartbeats are traffic to nginx too")

	hub.Net().Close(protocol.CloseGoingAway)
	require.Equal(t, protocol.CloseGoingAway, a.closed().Code)
	waitFor(t, seen, "it comes back", joined(2))
	fw, err := hub.Firmware().Add(
		hubtest.Metadata{
			UUID: "fw-2", Product: "product", Version: "2.0.0",
			Platform: "bench", Architecture: "any",
		},
		hubtest.Generated(1, 3<<20),
	)
	require.NoError(t, err)
	require.NoError(t, seen.Update().Offer(fw))
	require.ErrorIs(t, a.Wait(), actors.ErrReboot)
	waitFor(t, seen, "the hub has read the last status", func(s hubtest.Snapshot) bool {
		return len(s.Statuses) > 0 && s.Statuses[len(s.Statuses)-1] == "completed"
	})
}

// nginx drops a socket on which the hub has been silent for too long without a word, and that is
// what the device sees.
func TestReadTimeoutOfNginx(t *testing.T) {
	hub := hubtest.Run(t, hubtest.Config{})
	a := newAgent(t, newNginx(t, address(hub), "proxy_read_timeout 1s;"),
		withSecret(hub)) // its heartbeats come every 30 s
	seen := hub.Device(gateway)
	waitFor(t, seen, "it joins", func(s hubtest.Snapshot) bool { return s.Joins == 1 })
	closed := a.closed()
	require.Equal(t, protocol.CloseAbnormal, closed.Code)
	require.False(t, closed.Received, "there is no close frame")
	waitFor(t, seen, "it comes back", func(s hubtest.Snapshot) bool { return s.Joins == 2 })
	require.Zero(t, hub.Stats().Kicked, "the hub has noticed too that the first one is gone")
}

// A reload keeps the sockets. A restart of nginx costs one socket, and dials fail while nginx is
// down.
func TestReloadAndRestartOfNginx(t *testing.T) {
	hub := hubtest.Run(t, hubtest.Config{Record: 1000})
	n := newNginx(t, address(hub))
	a := newAgent(t, n, withSecret(hub))
	seen := hub.Device(gateway)
	waitFor(t, seen, "it joins", joined(1))
	talk := seen.Converse(t)
	n.reload()
	nothing := map[string]any{"update_available": false}
	require.NoError(t, seen.Channel("device").Push("update", nothing))
	require.NoError(t, seen.Channel("device").Crash())
	talk.ExpectLater("the old worker still carries it", hubtest.Join("device"))
	talk.ExpectSameSocket("a reload costs nothing")

	n.stop()
	require.Equal(t, protocol.CloseAbnormal, a.closed().Code)
	a.eventually(actors.EventConnectFailed, func(e actors.Event) bool {
		var phase *transport.PhaseError
		return errors.As(e.Err, &phase) && phase.Class() == transport.ClassRefused
	})
	n.start()
	waitFor(t, seen, "it comes back", joined(3))
}

// While the hub is down nginx answers for it, with 502: a refusal like any other, after which the
// device tries again.
func TestHubThatIsDownBehindNginx(t *testing.T) {
	hub := hubtest.Run(t, hubtest.Config{})
	n := newNginx(t, address(hub))
	a := newAgent(t, n, func(cfg *actors.Config) {
		withSecret(hub)(cfg)
		cfg.Hub.Serializer = actors.MessagePack
	})
	waitFor(t, hub.Device(gateway), "it joins", joined(1))
	hub.Close()
	require.Equal(t, protocol.CloseAbnormal, a.closed().Code)
	failed := a.eventually(actors.EventConnectFailed, func(e actors.Event) bool {
		var refused *transport.RefusedError
		return errors.As(e.Err, &refused) && refused.Status == 502
	})
	require.Contains(t, failed.Detail, "a proxy in front of it")
	require.Contains(t, a.Status().Problem, "502")

	again := hubtest.Run(t, hubtest.Config{Listen: address(hub)})
	waitFor(t, again.Device(gateway), "it comes back", joined(1))
	require.Equal(t, actors.MessagePack, a.Status().Serializer,
		"502 says nothing about the serializer")
}

// A proxy that ends TLS hides the device's certificate. The hub says so, unless the proxy adds
// X-Forwarded-For: then the hub takes it for an attempt with a shared secret and says nothing
// (NervesHub). A real shared secret gets through either way.
func TestForwardedForOfNginx(t *testing.T) {
	const forwarded = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
	hub := hubtest.Run(t, hubtest.Config{})
	plain, traced := newNginx(t, address(hub)), newNginx(t, address(hub), forwarded)
	certified := func(cfg *actors.Config) {
		cert, err := tls.LoadX509KeyPair(filepath.Join(plain.dir, "cert.pem"),
			filepath.Join(plain.dir, "key.pem"))
		require.NoError(t, err)
		cfg.Hub.URL += "/socket/websocket"
		cfg.Hub.Certificate = func() (*tls.Certificate, error) { return &cert, nil }
	}
	for _, c := range []struct {
		at     *nginx
		reason string
	}{
		{plain, "no certificate pair or shared secrets connection settings were provided"},
		{traced, ""},
	} {
		a := newAgent(t, c.at, certified)
		failed := a.eventually(actors.EventConnectFailed, whatever)
		var refused *transport.RefusedError
		require.ErrorAs(t, failed.Err, &refused)
		require.Equal(t, 401, refused.Status)
		require.Equal(t, c.reason, refused.Reason())
		require.Contains(t, failed.Detail, "no proxy in between ends TLS")
	}
	newAgent(t, traced, withSecret(hub))
	waitFor(t, hub.Device(gateway), "its signature is what counts", joined(1))
}
