package transport

import (
	"io"
	"net"
	"syscall"
)

// source reads from the wire without holding a buffer while there is nothing to read: with 100,000
// idle links that is most of the memory. Where the kernel's descriptor is at hand, the buffer is
// taken when the descriptor has become readable. Otherwise (TLS, memory, wrapped streams) what a
// frame begins with is read into memory of the source, and the buffer is taken for the rest.
type source struct {
	nc  net.Conn
	raw syscall.RawConn            // nil: not to be had
	try func(fd uintptr) (ok bool) // s.tryRead, made once

	unread []byte          // read, not yet decoded
	held   *[readSize]byte // the memory of unread, nil when it is another's
	first  []byte          // for what a frame begins with; nil with raw

	dst []byte // for tryRead
	n   int    // by tryRead
	err error  // by tryRead
}

// init makes s read from nc, after early, the bytes that came with the handshake. first is how much
// of a frame is read before a buffer is taken for it, where that is not known to be free of
// waiting.
func (s *source) init(nc net.Conn, early []byte, first int) {
	s.nc, s.unread = nc, early
	var sc syscall.Conn
	switch c := nc.(type) { // not any syscall.Conn: a wrapper that embeds one wants to see the bytes
	case *net.TCPConn:
		sc = c
	case *net.UnixConn:
		sc = c
	}
	if sc != nil && haveFD {
		if raw, err := sc.SyscallConn(); err == nil {
			s.raw, s.try = raw, s.tryRead
			return
		}
	}
	s.first = make([]byte, first)
}

// fill waits for bytes and makes them unread. idle says that a frame starts here.
func (s *source) fill(idle bool) error {
	switch {
	case s.raw != nil:
		n, err := s.readFD(nil)
		if err != nil {
			return err
		}
		s.unread = s.held[:n]
	case idle:
		n, err := s.nc.Read(s.first)
		if n == 0 {
			return orNoProgress(err)
		}
		s.unread = s.first[:n]
	default:
		b := getReadBuffer()
		n, err := s.nc.Read(b[:])
		if n == 0 {
			readBuffers.Put(b)
			return orNoProgress(err)
		}
		s.held, s.unread = b, b[:n]
	}
	return nil
}

// readInto reads straight into dst.
func (s *source) readInto(dst []byte) (int, error) {
	if s.raw != nil {
		return s.readFD(dst)
	}
	n, err := s.nc.Read(dst)
	if n == 0 {
		return 0, orNoProgress(err)
	}
	return n, nil
}

// readFD reads into dst, or into a buffer of the pool when dst is nil. After an error the caller
// releases the source.
func (s *source) readFD(dst []byte) (int, error) {
	s.dst, s.n, s.err = dst, 0, nil
	err := s.raw.Read(s.try)
	s.dst = nil
	switch {
	case err != nil:
		return 0, err
	case s.err != nil:
		local := s.nc.LocalAddr()
		return 0, &net.OpError{
			Op:     "read",
			Net:    local.Network(),
			Source: local,
			Addr:   s.nc.RemoteAddr(),
			Err:    s.err,
		}
	case s.n == 0:
		return 0, io.EOF
	default:
		return s.n, nil
	}
}

// tryRead reads once and reports whether that was all: false waits until the descriptor is readable
// again.
func (s *source) tryRead(fd uintptr) bool {
	var again bool
	if s.dst != nil {
		s.n, again, s.err = readFD(fd, s.dst)
		return !again
	}
	s.held = getReadBuffer()
	if s.n, again, s.err = readShort(fd, s.held[:]); again {
		s.release()
	}
	return !again
}

// consume marks n unread bytes as decoded. The buffer goes back with the last one.
func (s *source) consume(n int) {
	if s.unread = s.unread[n:]; len(s.unread) == 0 {
		s.release()
	}
}

func (s *source) release() {
	s.unread = nil
	if s.held != nil {
		readBuffers.Put(s.held)
		s.held = nil
	}
}

func orNoProgress(err error) error {
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}
