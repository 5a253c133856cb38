package fedecks_test

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/fedecks"
	"github.com/hublink-go/hublink/actors/fedecks/server"
	"github.com/hublink-go/hublink/protocol/etf"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/supervisor"
)

const device = "dev-1"

// rig is a client and a server in memory, under virtual time.
type rig struct {
	t        *testing.T
	listener *transport.Listener
	srv      *server.Server
	srvCfg   server.Config
	client   *fedecks.Client
	cfg      fedecks.Config
	serving  sync.WaitGroup

	mu      sync.Mutex
	events  []fedecks.Event
	heard   []etf.Term
	raw     []string
	asked   int // of Authenticate
	refused []error
	gaveUp  bool
	inject  func(path, point string, msg any)
}

// inVirtualTime runs test with a rig whose server is up and whose client has not been started.
func inVirtualTime(t *testing.T, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t}
		r.srvCfg = server.Config{
			Salt:    "salt",
			Secrets: []string{"secret"},
			Limits:  server.Limits{Rate: -1},
			Handler: server.Handler{
				Authenticate: func(_ context.Context, l server.Login) (bool, error) {
					r.mu.Lock()
					defer r.mu.Unlock()
					r.asked++
					password, _ := l.Credentials.Text("password")
					return password == "right", nil
				},
				HandleIn: func(_ context.Context, _ *server.Session, term etf.Term) (server.Answer, error) {
					r.mu.Lock()
					defer r.mu.Unlock()
					r.heard = append(r.heard, term)
					return server.Reply(etf.Tuple{etf.OK, term}), nil
				},
				HandleRawIn: func(_ context.Context, _ *server.Session, data []byte) (server.Answer, error) {
					r.mu.Lock()
					defer r.mu.Unlock()
					r.raw = append(r.raw, string(data))
					return server.Answer{}, nil
				},
				SocketError: func(_ context.Context, e server.SocketError) {
					r.mu.Lock()
					defer r.mu.Unlock()
					r.refused = append(r.refused, e.Err)
				},
			},
		}
		r.cfg = fedecks.Config{
			URL: "ws://server/fedecks/websocket", DeviceID: device,
			TokenFile: filepath.Join(t.TempDir(), "token"), Seed: 1, OnEvent: r.note,
		}
		t.Cleanup(func() {
			r.stopClient()
			r.stopServer()
			require.False(t, r.gaveUp, "no supervisor gives up")
		})
		test(r)
	})
}

func (r *rig) note(e fedecks.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *rig) system() *supervisor.System {
	sys, err := supervisor.NewSystem(supervisor.Options{
		Logger: r.cfg.Logger,
		Inject: func(path, point string, msg any) {
			r.mu.Lock()
			f := r.inject
			r.mu.Unlock()
			if f != nil {
				f(path, point, msg)
			}
		},
		OnEvent: func(e supervisor.Event) {
			if e.Kind == supervisor.EventGaveUp {
				r.mu.Lock()
				r.gaveUp = true
				r.mu.Unlock()
			}
		},
	})
	require.NoError(r.t, err)
	return sys
}

func (r *rig) startServer() {
	var err error
	r.srv, err = server.New(r.srvCfg)
	require.NoError(r.t, err)
	require.NoError(r.t, r.srv.Start(r.t.Context()))
	srv, l := r.srv, transport.NewListener()
	r.mu.Lock()
	r.listener = l
	r.mu.Unlock()
	r.serving.Go(func() { _ = srv.ServeMemory(l) })
}

func (r *rig) stopServer() {
	if r.srv == nil {
		return
	}
	require.NoError(r.t, r.listener.Close())
	require.NoError(r.t, r.srv.Stop(context.Background()))
	r.serving.Wait()
	r.srv = nil
}

// Dial makes the rig a dialer that finds whatever server runs at the moment.
func (r *rig) Dial(ctx context.Context, req transport.Request) (transport.Conn, error) {
	r.mu.Lock()
	l := r.listener
	r.mu.Unlock()
	return (&transport.PipeDialer{Listener: l}).Dial(ctx, req)
}

func (r *rig) startClient() {
	if r.cfg.Dialer == nil {
		r.cfg.Dialer = r
	}
	r.cfg.System = r.system()
	var err error
	r.client, err = fedecks.New(r.cfg)
	require.NoError(r.t, err)
	require.NoError(r.t, r.client.Start(r.t.Context()))
	synctest.Wait()
}

func (r *rig) stopClient() {
	if r.client == nil {
		return
	}
	require.NoError(r.t, r.client.Stop(context.Background()))
	_, err := r.cfg.System.Shutdown(context.Background())
	require.NoError(r.t, err)
	r.client = nil
	time.Sleep(time.Second)
}

// start starts both ends.
func (r *rig) start() {
	r.startServer()
	r.startClient()
}

// login logs in with the right password and waits until the token is stored.
func (r *rig) login() {
	r.t.Helper()
	require.NoError(r.t, r.client.Login(map[string]string{"password": "right"}))
	synctest.Wait()
	require.Equal(r.t, fedecks.Connected, r.client.Status())
}

// names of the events since the last call.
func (r *rig) names() (names []string) {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		names = append(names, e.Kind.String())
	}
	r.events = nil
	return names
}

// messages among the events since the last call.
func (r *rig) messages() (terms []etf.Term) {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Kind == fedecks.EventMessage {
			terms = append(terms, e.Term)
		}
	}
	r.events = nil
	return terms
}

// blackhole is a stream that loses everything once it is told to.
type blackhole struct {
	net.Conn
	mu   sync.Mutex
	dead bool
}

func (b *blackhole) die() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dead = true
}

func (b *blackhole) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dead {
		return len(p), nil
	}
	return b.Conn.Write(p)
}

var errTest = errors.New("crashed by a test")

// tracing is a logger that leaves nothing out.
func tracing(w io.Writer) zerolog.Logger {
	return zerolog.New(zerolog.SyncWriter(w)).Level(zerolog.TraceLevel)
}
