package server

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/supervisor"
)

// ServeHTTP answers an upgrade request. It refuses one with the status that the package
// documentation names.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked := time.Now()
	device, refused := s.judge(r)
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

// ServeMemory serves devices that dial l in memory. It returns when l is closed; the error then
// wraps net.ErrClosed.
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
	device, refused := s.judge(o.Request)
	if refused != 0 {
		_ = o.Refuse(refused, nil, "") // the dialer may have given up
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

// judge returns the device that may connect, or the HTTP status to refuse r with.
func (s *Server) judge(r *http.Request) (device string, refused int) {
	if !s.tree.Alive() {
		return "", http.StatusServiceUnavailable
	}
	return s.gate.admit(r)
}

// startWithin bounds how long a new connection waits for its actor. The number is ours.
const startWithin = 5 * time.Second

// adopt starts the actor of a connection and hands conn over to it.
func (s *Server) adopt(conn transport.Conn, device, addr string, asked time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	sess := newSession(s, device, addr, asked)
	id := fmt.Sprintf("conn-%d", s.last.Add(1))
	sess.ref = s.tree.Ref(id)
	_, err := s.tree.Root().StartChild(ctx, supervisor.ChildSpec{
		ID: id, Restart: supervisor.Temporary,
		New: func(supervisor.Heir) supervisor.Behavior { return newLine(sess, conn) },
	})
	if err != nil {
		s.log.Debug().Err(err).Str("device", device).Msg("connection refused: its actor did not start")
		_ = conn.Close(protocol.CloseServiceRestart, "server stops")
	}
}
