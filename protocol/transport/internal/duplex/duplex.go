// Package duplex makes pairs of connected byte streams in memory with the properties of a TCP
// connection that a protocol depends on: a bounded buffer in each direction, half-close, reset,
// deadlines. net.Pipe has no buffer, half-close or reset: two ends that write at the same time
// block each other for ever.
//
// It has no goroutine and uses no real time: all waits are durable in the sense of
// testing/synctest.
package duplex

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// bufferSize is the number of bytes in transit in one direction, as in the buffers of a socket.
const bufferSize = 64 << 10

// keptSize is the largest buffer that an idle stream keeps.
const keptSize = 512

// New returns the two ends of a connection with the addresses a and b.
func New(a, b string) (*End, *End) {
	up, down := newStream(), newStream()
	near := &End{in: down, out: up, local: Addr(a), remote: Addr(b)}
	return near, &End{in: up, out: down, local: Addr(b), remote: Addr(a)}
}

// Addr is the address of an end.
type Addr string

// Network returns "memory".
func (Addr) Network() string  { return "memory" }
func (a Addr) String() string { return string(a) }

// End is one end of a connection; a net.Conn with CloseWrite and Reset.
type End struct {
	in, out       *stream
	local, remote Addr
}

// stream is one direction. Its reader and its writer wait on the same condition.
type stream struct {
	mu     sync.Mutex
	change sync.Cond
	buf    []byte
	start  int   // start of the unread bytes in buf
	eof    bool  // the writer has ended
	broken error // error of the reader when buf is empty
	gone   error // error of the writer after the end of the reader
	limit  struct{ read, write time.Time }
}

func newStream() *stream {
	s := new(stream)
	s.change.L = &s.mu
	return s
}

// Read waits for bytes. After the end of the peer's side it returns io.EOF.
func (e *End) Read(p []byte) (int, error) {
	n, err := e.in.read(p)
	return n, e.wrap("read", err)
}

// Write waits until all of p is in transit.
func (e *End) Write(p []byte) (int, error) {
	n, err := e.out.write(p)
	return n, e.wrap("write", err)
}

func (e *End) wrap(op string, err error) error {
	if err == nil || err == io.EOF { //nolint:errorlint // made here
		return err
	}
	return &net.OpError{Op: op, Net: "memory", Source: e.local, Addr: e.remote, Err: err}
}

// Close ends both sides. As with TCP, it resets the peer when bytes of the peer are unread.
func (e *End) Close() error {
	lost := e.in.abandon()
	if lost {
		e.out.end(syscall.ECONNRESET)
	} else {
		e.out.end(nil)
	}
	return nil
}

// Reset breaks the connection: bytes in transit are lost, and both ends return an error.
func (e *End) Reset() error {
	e.in.abandon()
	e.out.lose()
	e.out.end(syscall.ECONNRESET)
	return nil
}

// CloseWrite ends the sending side: the peer reads the sent bytes and then io.EOF.
func (e *End) CloseWrite() error {
	e.out.finish()
	return nil
}

// LocalAddr returns the address of this end.
func (e *End) LocalAddr() net.Addr { return e.local }

// RemoteAddr returns the address of the other end.
func (e *End) RemoteAddr() net.Addr { return e.remote }

// SetDeadline sets both deadlines.
func (e *End) SetDeadline(t time.Time) error {
	_ = e.SetReadDeadline(t)
	return e.SetWriteDeadline(t)
}

// SetReadDeadline ends present and later reads at t.
func (e *End) SetReadDeadline(t time.Time) error { return e.in.setLimit(&e.in.limit.read, t) }

// SetWriteDeadline ends present and later writes at t.
func (e *End) SetWriteDeadline(t time.Time) error { return e.out.setLimit(&e.out.limit.write, t) }

func (s *stream) setLimit(which *time.Time, t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	*which = t
	s.change.Broadcast()
	return nil
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.gone != nil:
			return 0, net.ErrClosed
		case expired(s.limit.read):
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case s.start < len(s.buf):
			return s.take(p), nil
		case s.broken != nil:
			return 0, s.broken
		case s.eof:
			return 0, io.EOF
		}
		s.wait(s.limit.read)
	}
}

// take moves bytes to the reader. It keeps an empty buffer only when it is small.
func (s *stream) take(p []byte) int {
	n := copy(p, s.buf[s.start:])
	if s.start += n; s.start == len(s.buf) {
		s.start = 0
		if s.buf = s.buf[:0]; cap(s.buf) > keptSize {
			s.buf = nil
		}
	}
	s.change.Broadcast()
	return n
}

func (s *stream) write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.eof || s.broken != nil:
			return n, net.ErrClosed
		case s.gone != nil:
			return n, s.gone
		case expired(s.limit.write):
			return n, os.ErrDeadlineExceeded
		}
		n += s.put(p[n:])
		if n == len(p) {
			return n, nil
		}
		s.wait(s.limit.write)
	}
}

func (s *stream) put(p []byte) int {
	n := min(len(p), bufferSize-(len(s.buf)-s.start))
	if n == 0 {
		return 0
	}
	if s.start > 0 && len(s.buf)+n > cap(s.buf) {
		s.buf = s.buf[:copy(s.buf, s.buf[s.start:])]
		s.start = 0
	}
	s.buf = append(s.buf, p[:n]...)
	s.change.Broadcast()
	return n
}

// wait waits for a change of the stream or the deadline.
func (s *stream) wait(until time.Time) {
	if until.IsZero() {
		s.change.Wait()
		return
	}
	t := time.AfterFunc(time.Until(until), func() {
		s.mu.Lock() // so that the wake-up does not come between check and wait
		defer s.mu.Unlock()
		s.change.Broadcast()
	})
	s.change.Wait()
	t.Stop()
}

func expired(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

// finish ends the writer in order.
func (s *stream) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.eof = true
	s.change.Broadcast()
}

// end ends the writer. The reader gets err after the last byte.
func (s *stream) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.eof = true
	if s.broken == nil {
		s.broken = err
	}
	s.change.Broadcast()
}

// abandon ends the reader. lost reports whether bytes were unread.
func (s *stream) abandon() (lost bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lost = s.start < len(s.buf)
	s.buf, s.start = nil, 0
	if s.gone == nil {
		s.gone = syscall.EPIPE
	}
	s.change.Broadcast()
	return lost
}

// lose drops the bytes in transit.
func (s *stream) lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf, s.start = nil, 0
}
