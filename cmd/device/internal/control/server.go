package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// ErrBusy is returned by Listen when an agent answers on the socket already.
var ErrBusy = errors.New("another agent answers there; stop it or choose another path")

// maxPath is the longest path of a socket on Linux.
const maxPath = 107

// CheckPath says when a path is too long for a socket, or for the private place where the socket is
// made.
func CheckPath(path string) error {
	if limit := maxPath - len("/.c4294967295/s"); len(path) > maxPath ||
		len(filepath.Dir(path)) > limit {
		return fmt.Errorf("the path is too long: allowed are %d bytes, and %d for its directory", maxPath,
			limit)
	}
	return nil
}

// Device is what the socket gives access to.
type Device interface {
	Status() Status
	Commit(ctx context.Context) error
	Reconnect() error
	Reboot(reason string) error
}

// Options of a server.
type Options struct {
	Path    string
	Mode    fs.FileMode // of the socket
	Group   string      // of the socket; empty: the agent's
	Version string      // of the agent
	Logger  zerolog.Logger
}

// Server serves the socket until Close.
type Server struct {
	opts   Options
	device Device
	ln     *net.UnixListener
	ctx    context.Context //nolint:containedctx // ends the running requests at Close
	cancel context.CancelFunc
	wg     sync.WaitGroup
	once   sync.Once // of Close

	mu         sync.Mutex
	sessions   map[*session]struct{}
	controller *session
}

// Listen binds the socket and serves device. A socket that a dead agent left behind is replaced;
// one that answers, or a file that is no socket, is an error.
func Listen(opts Options, device Device) (*Server, error) {
	ln, err := bind(opts)
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", opts.Path, err)
	}
	s := &Server{opts: opts, device: device, ln: ln, sessions: map[*session]struct{}{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.wg.Go(s.accept) // ends with Close
	return s, nil
}

// Close removes the socket and ends all connections. It is idempotent.
func (s *Server) Close() (err error) {
	s.once.Do(func() {
		s.cancel()
		// before the listener is closed: the next agent may bind as soon as this one does not answer
		_ = os.Remove(s.opts.Path)
		err = s.ln.Close()
		s.mu.Lock()
		for x := range s.sessions {
			_ = x.conn.Close()
		}
		s.mu.Unlock()
	})
	s.wg.Wait()
	return err
}

// bind makes the socket in a private directory and moves it into place when its group and mode are
// set, so that no other user can connect before.
func bind(opts Options) (*net.UnixListener, error) {
	if err := CheckPath(opts.Path); err != nil {
		return nil, err
	}
	//nolint:gosec // the mode of /run itself; the socket has its own
	if err := os.MkdirAll(filepath.Dir(opts.Path), 0o755); err != nil {
		return nil, err
	}
	if err := clearStale(opts.Path); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(opts.Path), ".c")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // it is empty, or the bind failed
	private := filepath.Join(dir, "s")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: private, Net: "unix"})
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false)
	if err := errors.Join(setGroup(private, opts.Group), os.Chmod(private, opts.Mode)); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	if err := os.Rename(private, opts.Path); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return ln, nil
}

func clearStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New(
			"there is something at this path that is no socket; remove it or choose another path",
		)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err == nil {
		_ = c.Close()
		return ErrBusy
	}
	return os.Remove(path)
}

func setGroup(path, group string) error {
	if group == "" {
		return nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		return err
	}
	return os.Chown(path, -1, gid)
}

func (s *Server) accept() {
	for {
		c, err := s.ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, say: the socket stays and goes on
			s.opts.Logger.Warn().Err(err).Msg("control socket: accept")
			select {
			case <-s.ctx.Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		x := newSession(s, c)
		if !s.add(x) {
			_ = c.Close()
			continue
		}
		s.wg.Go(x.serve) // ends with the connection or Close
	}
}

func (s *Server) add(x *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sessions) >= maxConnections || s.ctx.Err() != nil {
		return false
	}
	s.sessions[x] = struct{}{}
	return true
}

func (s *Server) remove(x *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, x)
	if s.controller == x {
		s.controller = nil
	}
}

func (s *Server) takeController(x *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.controller != nil {
		return false
	}
	s.controller = x
	return true
}
