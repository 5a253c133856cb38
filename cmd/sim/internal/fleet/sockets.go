package fleet

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/hublink-go/hublink/cmd/sim/internal/report"
	"github.com/hublink-go/hublink/protocol/auth"
	"github.com/hublink-go/hublink/protocol/transport"
)

// The bare sockets that a fleet begins with: so many to warm up, and so many that count.
const (
	warmUp = 50
	sample = 2000
)

// sockets measures what the socket of a device costs without the device: the same dial to the same
// hub, and a goroutine that waits for a message, as the agent has. It is resident memory as for a
// device. What the bare sockets leave behind in pools counts for the fleet that follows. They are
// gone when it returns.
func (f *fleet) sockets(ctx context.Context) (bytes int64, err error) {
	s := bareSockets{fleet: f}
	defer s.close()
	if err := s.open(ctx, min(warmUp, f.cfg.Devices/2)); err != nil {
		return 0, err
	}
	before, err := report.Resident()
	if err != nil {
		return 0, err
	}
	n := min(sample, f.cfg.Devices-len(s.conns))
	if err := s.open(ctx, n); err != nil {
		return 0, err
	}
	after, err := report.Resident()
	return max(0, after-before) / int64(n), err
}

// bareSockets are sockets without devices.
type bareSockets struct {
	fleet   *fleet
	mu      sync.Mutex // while they are opened
	conns   []transport.Conn
	readers sync.WaitGroup
}

// open dials n more.
func (s *bareSockets) open(ctx context.Context, n int) error {
	first := len(s.conns)
	dialers := newCrew(func(i int) error { return s.dial(ctx, i) })
	for i := range n {
		dialers.next(first + i)
	}
	return dialers.done()
}

func (s *bareSockets) dial(ctx context.Context, i int) error {
	f := s.fleet
	u, err := url.Parse(f.hub.URL + "/device-socket/websocket?vsn=2.0.0")
	if err != nil {
		return fmt.Errorf("dial a bare socket: %w", err)
	}
	secret := auth.SharedSecret{Key: f.hub.Key, Secret: f.hub.Secret, Identifier: identity(i)}
	signed, err := secret.Sign(time.Now())
	if err != nil {
		return fmt.Errorf("dial a bare socket: %w", err)
	}
	header := http.Header{}
	for _, h := range signed {
		header.Set(h.Name, h.Value)
	}
	d := &transport.WebSocket{TLS: f.security}
	conn, err := d.Dial(ctx, transport.Request{URL: u, Header: header})
	if err != nil {
		return fmt.Errorf("dial a bare socket: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, conn)
	s.readers.Go(func() { s.read(conn) })
	return nil
}

// read discards what comes, as the agent's reader waits, until the socket ends.
func (s *bareSockets) read(conn transport.Conn) {
	more, _ := transport.Receive(conn, func(transport.Kind, []byte) bool { return true })
	if more {
		s.readers.Go(func() { s.read(conn) })
	}
}

func (s *bareSockets) close() {
	for _, c := range s.conns {
		_ = c.Abort()
	}
	s.readers.Wait()
}
