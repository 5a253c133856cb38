package server

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/lifecycle"
	"github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/supervisor"
)

// Errors of a server.
var (
	// ErrOffline: the device has no connection.
	ErrOffline = errors.New("device is not connected")
	// ErrBusy: Limits.Pending or Limits.PendingBytes is reached for the device.
	ErrBusy = errors.New("too many messages wait for the device")
	// ErrNotRunning: the server was not started, or it has ended.
	ErrNotRunning = lifecycle.ErrNotRunning
)

// Server is one Fedecks endpoint. All methods may be called from any goroutine.
type Server struct {
	cfg  Config
	keys *fedecks.Keyring
	reg  *registry
	gate gate
	log  zerolog.Logger
	last atomic.Uint64 // number of the newest connection
	tree lifecycle.Tree
}

// New checks cfg, derives the keys and returns a server that is not started.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	keys, err := fedecks.NewKeyring(cfg.Salt, cfg.Secrets...)
	if err != nil {
		return nil, fmt.Errorf("fedecks server: %w", err)
	}
	s := &Server{cfg: cfg, keys: keys, log: cfg.Logger.With().Str("actor", cfg.Name).Logger()}
	s.reg = newRegistry(cfg.Cluster.Node, cfg.revocations(), s.log)
	rate := newRates(cfg.Limits.Rate, cfg.Limits.Burst)
	s.gate = gate{cfg: &s.cfg, keys: keys, reg: s.reg, rate: rate, log: s.log}
	return s, nil
}

// Start makes the server accept connections. Before Start and after Stop it answers requests with
// 503. A failed start leaves nothing running and can be repeated. A Server that was started cannot
// be started again.
func (s *Server) Start(ctx context.Context) error {
	own := supervisor.Options{Name: s.cfg.Name, Logger: s.cfg.Logger}
	o := lifecycle.Options{Name: s.cfg.Name, System: s.cfg.System, Own: own}
	return s.tree.Start(ctx, o, s.grow)
}

// grow starts the root, whose children are the exchange and an actor for each connection. Those are
// temporary: a connection that ends is not restarted, because its device connects again.
func (s *Server) grow(ctx context.Context, sys *supervisor.System) (*supervisor.Supervisor, error) {
	root, err := sys.Start(ctx, supervisor.Spec{Name: s.cfg.Name, Strategy: supervisor.Dynamic})
	if err != nil || s.cfg.Cluster.Bus == nil {
		return root, err
	}
	_, err = root.StartChild(ctx, supervisor.ChildSpec{
		ID: "exchange", New: func(supervisor.Heir) supervisor.Behavior { return newExchange(s) },
	})
	if err != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), lifecycle.StopTimeout)
		defer cancel()
		_, stopErr := root.Stop(stop)
		return nil, errors.Join(err, stopErr)
	}
	return root, nil
}

// Run starts the server and blocks until it ends or ctx does. Then it stops the server and returns
// what Wait returns.
func (s *Server) Run(ctx context.Context) error { return lifecycle.Run(ctx, s) }

// Done returns a channel that is closed when the server has ended. It may be called before
// Start.
func (s *Server) Done() <-chan struct{} { return s.tree.Done() }

// Wait blocks until the server has ended: nil after Stop, otherwise the reason for which its
// supervisor gave up. It returns ErrNotRunning when the server was not started.
func (s *Server) Wait() error { return s.tree.Wait() }

// farewellWithin is how long Stop waits for the watchers of presence. The number is ours.
const farewellWithin = 2 * time.Second

// Stop closes all connections with code 1012, so that the devices connect again, and ends the
// server. It is idempotent and bounded by ctx: an actor that does not stop in its time is abandoned
// and named in the error.
func (s *Server) Stop(ctx context.Context) error {
	err := s.tree.Stop(ctx, nil)
	told, cancel := context.WithTimeout(ctx, farewellWithin)
	defer cancel()
	s.reg.watch.wait(told)
	return err
}
