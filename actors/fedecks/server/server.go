package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/fedecks/server/internal/cluster"
	"github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/supervisor"
)

// Errors of a server.
var (
	ErrOffline    = errors.New("device is not connected")
	ErrBusy       = errors.New("too many messages wait for the device")
	ErrNotRunning = errors.New("server is not running")
)

// Server is one Fedecks endpoint. All methods may be called from any goroutine.
type Server struct {
	cfg  Config
	keys *fedecks.Keyring
	reg  *registry
	rate *rates
	log  zerolog.Logger
	last atomic.Uint64 // number of a connection

	mu   sync.Mutex
	sys  *supervisor.System
	own  bool
	root *supervisor.Supervisor
}

// New checks the configuration and derives the keys; it starts nothing.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	keys, err := fedecks.NewKeyring(cfg.Salt, cfg.Secrets...)
	if err != nil {
		return nil, fmt.Errorf("fedecks server: %w", err)
	}
	log := cfg.Logger.With().Str("actor", cfg.Name).Logger()
	return &Server{
		cfg: cfg, keys: keys, reg: newRegistry(cfg.Cluster.Node, cfg.revocations(), log),
		rate: newRates(cfg.Limits.Rate, cfg.Limits.Burst),
		log:  log, sys: cfg.System,
	}, nil
}

// Start makes the server take connections; before it and after Stop requests are answered with 503.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.root != nil {
		return fmt.Errorf("start %s: it has been started before; make a new Server", s.cfg.Name)
	}
	if s.sys == nil {
		sys, err := supervisor.NewSystem(supervisor.Options{Name: s.cfg.Name, Logger: s.cfg.Logger})
		if err != nil {
			return fmt.Errorf("start %s: %w", s.cfg.Name, err)
		}
		s.sys, s.own = sys, true
	}
	// Dynamic and temporary: a connection that ends is not restarted, its device comes back by itself.
	root, err := s.sys.Start(ctx, supervisor.Spec{Name: s.cfg.Name, Strategy: supervisor.Dynamic})
	if err == nil && s.cfg.Cluster.Bus != nil {
		_, err = root.StartChild(
			ctx,
			supervisor.ChildSpec{
				ID:  "exchange",
				New: func(supervisor.Heir) supervisor.Behavior { return newExchange(s) },
			},
		)
		if err != nil {
			_, stopErr := root.Stop(ctx)
			err = errors.Join(err, stopErr)
		}
	}
	if err != nil {
		err = fmt.Errorf("start %s: %w", s.cfg.Name, err)
		if s.own {
			_, sysErr := s.sys.Shutdown(ctx)
			s.sys, s.own = nil, false
			err = errors.Join(err, sysErr)
		}
		return err
	}
	s.root = root
	return nil
}

// farewellWithin is how long Stop waits for those who watch presence.
const farewellWithin = 2 * time.Second

// Stop closes all connections with code 1012, so that the devices come back, and ends the server.
// It is idempotent and bounded: what does not stop in its time is abandoned and named in the error.
func (s *Server) Stop(ctx context.Context) error {
	root := s.running()
	if root == nil {
		return nil
	}
	report, err := root.Stop(ctx)
	err = errors.Join(err, report.Err())
	told, cancel := context.WithTimeout(ctx, farewellWithin)
	defer cancel()
	s.reg.watch.wait(told)
	if s.own {
		report, sysErr := s.sys.Shutdown(ctx)
		err = errors.Join(err, report.Err(), sysErr)
	}
	return err
}

func (s *Server) running() *supervisor.Supervisor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.root
}

// ServeHTTP answers an upgrade request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked := time.Now()
	device, refused := s.admit(r)
	if refused != 0 {
		if refused == http.StatusUpgradeRequired {
			w.Header().Set("Sec-WebSocket-Version", "13")
		}
		if refused == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		w.WriteHeader(refused)
		return
	}
	conn, err := transport.Upgrade(w, r, transport.UpgradeOptions{Limits: s.limits()})
	if err != nil {
		s.log.Debug().Err(err).Str("device", device).Msg("upgrade failed")
		return
	}
	s.adopt(conn, device, r.RemoteAddr, asked)
}

// ServeMemory takes devices that dial l in memory, until l is closed; the error then wraps
// net.ErrClosed.
func (s *Server) ServeMemory(l *transport.Listener) error {
	var asking sync.WaitGroup
	defer asking.Wait()
	for {
		offer, err := l.Accept()
		if err != nil {
			return err
		}
		asking.Go(func() { s.answer(offer) })
	}
}

func (s *Server) answer(o *transport.Offer) {
	asked := time.Now()
	device, refused := s.admit(o.Request)
	if refused != 0 {
		_ = o.Refuse(refused, nil, "") // a dialer that has gone needs no answer
		return
	}
	conn, err := o.Accept(transport.UpgradeOptions{Limits: s.limits()})
	if err != nil {
		return
	}
	s.adopt(conn, device, o.Request.RemoteAddr, asked)
}

func (s *Server) limits() transport.Limits {
	return transport.Limits{Message: s.cfg.Limits.Message, ReadIdle: s.cfg.Limits.Idle}
}

// startWithin bounds how long a new connection waits for its actor.
const startWithin = 5 * time.Second

// adopt gives a connection to an actor of its own.
func (s *Server) adopt(conn transport.Conn, device, addr string, asked time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	sess := &Session{srv: s, device: device, addr: addr, since: asked}
	id := fmt.Sprintf("conn-%d", s.last.Add(1))
	root := s.running()
	sess.ref = s.sys.Ref(s.cfg.Name + "/" + id)
	_, err := root.StartChild(ctx, supervisor.ChildSpec{
		ID: id, Restart: supervisor.Temporary,
		New: func(supervisor.Heir) supervisor.Behavior { return newLine(sess, conn) },
	})
	if err != nil {
		s.log.Debug().Err(err).Str("device", device).Msg("connection was not taken")
		_ = conn.Close(fedecks.CloseRestart, "server stops")
	}
}

// Push sends a term or Go value to a device, on all of its connections, to whichever node of the
// cluster. It comes at most once, and nil means that it is on its way. ErrOffline, ErrBusy,
// fedecks.ErrReserved, what encoding says, and for a device on another node what the bus says
// (ErrTooLarge, ErrBusDown); whether too much waits for that device is not known here.
func (s *Server) Push(device string, v any) error {
	data, err := fedecks.Encode(v)
	if err != nil {
		return fmt.Errorf("push to %s: %w", device, err)
	}
	err = s.deliver(device, push{data: data})
	nodes, _ := s.reg.elsewhere(device)
	for _, node := range nodes {
		sent := s.tell(node, cluster.Message{Kind: cluster.KindPush, Device: device, Data: data})
		if sent == nil || errors.Is(err, ErrOffline) { // one that got through is enough
			err = sent
		}
	}
	if err != nil {
		return fmt.Errorf("push to %s: %w", device, err)
	}
	return nil
}

// Notify hands msg to HandleInfo of a device's connections on this node, because Go values do not
// travel. ErrOffline, ErrBusy.
func (s *Server) Notify(device string, msg any) error {
	err := s.deliver(device, info{msg: msg})
	if nodes, _ := s.reg.elsewhere(device); errors.Is(err, ErrOffline) && len(nodes) > 0 {
		return fmt.Errorf(
			"notify %s: %w here but to node %s, which only Push reaches",
			device,
			err,
			nodes[0],
		)
	}
	if err != nil {
		return fmt.Errorf("notify %s: %w", device, err)
	}
	return nil
}

// deliver sends to the connections of a device here.
func (s *Server) deliver(device string, msg any) error {
	err := ErrOffline
	for i, sess := range s.reg.of(device) {
		if sent := sess.send(msg); i == 0 || sent == nil { // one that got through is enough
			err = sent
		}
	}
	return err
}

// Broadcast sends a term or Go value to every connection of the cluster that has subscribed to the
// topic, and says to how many of this node. Connections that are too slow are left out. An error of
// the bus (ErrTooLarge, ErrBusDown) means that other nodes were not reached; this one was.
func (s *Server) Broadcast(topic string, v any) (int, error) {
	data, err := fedecks.Encode(v)
	if err != nil {
		return 0, fmt.Errorf("broadcast on %s: %w", topic, err)
	}
	n := s.spread(topic, push{data: data})
	if s.cfg.Cluster.Bus != nil {
		if err := s.tell("", cluster.Message{
			Kind: cluster.KindBroadcast, Topic: topic,
			Data: data,
		}); err != nil {
			return n, fmt.Errorf("broadcast on %s: %w", topic, err)
		}
	}
	return n, nil
}

// Publish hands msg to HandleInfo of every connection of this node that has subscribed to the
// topic, and says to how many.
func (s *Server) Publish(topic string, msg any) int { return s.spread(topic, info{msg: msg}) }

func (s *Server) spread(topic string, msg any) (n int) {
	for _, sess := range s.reg.subscribers(topic) {
		if sess.send(msg) == nil {
			n++
		}
	}
	return n
}

// Disconnect closes the connections of a device, on all nodes, with a code and a reason and says
// how many there were.
func (s *Server) Disconnect(device string, code int, reason string) int {
	all := s.reg.of(device)
	for _, sess := range all {
		sess.end(code, reason)
	}
	nodes, others := s.reg.elsewhere(device)
	for _, node := range nodes {
		err := s.tell(
			node,
			cluster.Message{Kind: cluster.KindDisconnect, Device: device, Code: code, Reason: reason},
		)
		if err != nil {
			s.log.Warn().
				Err(err).
				Str("device", device).
				Str("other", node).
				Msg("a device on another node cannot be disconnected")
			others = 0
		}
	}
	return len(all) + others
}

// Revoke makes all tokens of a device that were made until now worthless, on all nodes, and closes
// its connections. A node that cannot be reached now is told when it can. A login is still
// possible: that is for Authenticate to refuse.
func (s *Server) Revoke(device string) {
	for _, sess := range s.reg.revoke(device, time.Now().UnixMicro()+1) {
		sess.end(fedecks.ClosePolicy, "revoked")
	}
	s.reg.announceRevoked(device)
}
