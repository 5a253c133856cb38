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
	return &Server{
		cfg: cfg, keys: keys, reg: newRegistry(), rate: newRates(cfg.Limits.Rate, cfg.Limits.Burst),
		log: cfg.Logger.With().Str("actor", cfg.Name).Logger(), sys: cfg.System,
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
	if err != nil {
		return fmt.Errorf("start %s: %w", s.cfg.Name, err)
	}
	s.root = root
	return nil
}

// Stop closes all connections with code 1012, so that the devices come back, and ends the server. It is idempotent and bounded: what
// does not stop in its time is abandoned and named in the error.
func (s *Server) Stop(ctx context.Context) error {
	root := s.running()
	if root == nil {
		return nil
	}
	report, err := root.Stop(ctx)
	err = errors.Join(err, report.Err())
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
	s.adopt(conn, device, r.RemoteAddr)
}

// ServeMemory takes devices that dial l in memory, until l is closed; the error then wraps net.ErrClosed.
func (s *Server) ServeMemory(l *transport.Listener) error {
	for {
		offer, err := l.Accept()
		if err != nil {
			return err
		}
		s.answer(offer)
	}
}

func (s *Server) answer(o *transport.Offer) {
	device, refused := s.admit(o.Request)
	if refused != 0 {
		_ = o.Refuse(refused, nil, "") // a dialer that has gone needs no answer
		return
	}
	conn, err := o.Accept(transport.UpgradeOptions{Limits: s.limits()})
	if err != nil {
		return
	}
	s.adopt(conn, device, o.Request.RemoteAddr)
}

func (s *Server) limits() transport.Limits {
	return transport.Limits{Message: s.cfg.Limits.Message, ReadIdle: s.cfg.Limits.Idle}
}

// startWithin bounds how long a new connection waits for its actor.
const startWithin = 5 * time.Second

// adopt gives a connection to an actor of its own.
func (s *Server) adopt(conn transport.Conn, device, addr string) {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	sess := &Session{srv: s, device: device, addr: addr, since: time.Now()}
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

// Push sends a term or Go value to a device, on all of its connections. ErrOffline, ErrBusy, fedecks.ErrReserved, or what encoding says.
func (s *Server) Push(device string, v any) error {
	data, err := fedecks.Encode(v)
	if err != nil {
		return fmt.Errorf("push to %s: %w", device, err)
	}
	return s.deliver("push to", device, push{data: data})
}

// Notify hands msg to HandleInfo of a device's connections. ErrOffline, ErrBusy.
func (s *Server) Notify(device string, msg any) error {
	return s.deliver("notify", device, info{msg: msg})
}

func (s *Server) deliver(what, device string, msg any) error {
	err := ErrOffline
	for i, sess := range s.reg.of(device) {
		if sent := sess.send(msg); i == 0 || sent == nil { // one that got through is enough
			err = sent
		}
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", what, device, err)
	}
	return nil
}

// Broadcast sends a term or Go value to every connection that has subscribed to the topic, and says to how many. Connections that are
// too slow are left out.
func (s *Server) Broadcast(topic string, v any) (int, error) {
	data, err := fedecks.Encode(v)
	if err != nil {
		return 0, fmt.Errorf("broadcast on %s: %w", topic, err)
	}
	return s.spread(topic, push{data: data}), nil
}

// Publish hands msg to HandleInfo of every connection that has subscribed to the topic, and says to how many.
func (s *Server) Publish(topic string, msg any) int { return s.spread(topic, info{msg: msg}) }

func (s *Server) spread(topic string, msg any) (n int) {
	for _, sess := range s.reg.subscribers(topic) {
		if sess.send(msg) == nil {
			n++
		}
	}
	return n
}

// Disconnect closes the connections of a device with a code and a reason and says how many there were.
func (s *Server) Disconnect(device string, code int, reason string) int {
	all := s.reg.of(device)
	for _, sess := range all {
		sess.end(code, reason)
	}
	return len(all)
}

// Revoke makes all tokens of a device that were made until now worthless and closes its connections. A login is still possible:
// that is for Authenticate to refuse.
func (s *Server) Revoke(device string) {
	s.reg.revoke(device, time.Now())
	s.Disconnect(device, fedecks.ClosePolicy, "revoked")
}
