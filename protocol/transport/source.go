package transport

import (
	"io"
	"net"
	"syscall"
)

// source reads from the wire without holding a buffer while there is nothing to read: with 100,000 idle links that is most of the
// memory. Where the kernel's descriptor is at hand, the buffer is taken when the descriptor has become readable. Otherwise
// (TLS, memory, wrapped streams) a frame's first two bytes are read into the source itself; a frame has no fewer, so
// this read never takes part of a frame whose rest may be long in coming while it holds a buffer.
type source struct {
	nc  net.Conn
	raw syscall.RawConn            // nil: not to be had
	try func(fd uintptr) (ok bool) // s.tryRead, made once

	unread []byte          // read, not yet decoded
	held   *[readSize]byte // the memory of unread, nil when it is another's
	first  [2]byte

	dst []byte // for tryRead
	n   int    // by tryRead
	err error  // by tryRead
}

// init makes s read from nc, after early, the bytes that came with the handshake.
func (s *source) init(nc net.Conn, early []byte) {
	s.nc, s.unread = nc, early
	if !canReadFD {
		return
	}
	var sc syscall.Conn
	switch c := nc.(type) { // not any syscall.Conn: a wrapper that embeds one wants to see the bytes
	case *net.TCPConn:
		sc = c
	case *net.UnixConn:
		sc = c
	default:
		return
	}
	if raw, err := sc.SyscallConn(); err == nil {
		s.raw, s.try = raw, s.tryRead
	}
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
		n, err := s.nc.Read(s.first[:])
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

// readFD reads into dst, or into a buffer of the pool when dst is nil. After an error the caller releases the source.
func (s *source) readFD(dst []byte) (int, error) {
	s.dst, s.n, s.err = dst, 0, nil
	err := s.raw.Read(s.try)
	s.dst = nil
	switch {
	case err != nil:
		return 0, err
	case s.err != nil:
		local := s.nc.LocalAddr()
		return 0, &net.OpError{Op: "read", Net: local.Network(), Source: local, Addr: s.nc.RemoteAddr(), Err: s.err}
	case s.n == 0:
		return 0, io.EOF
	default:
		return s.n, nil
	}
}

// tryRead reads once and says whether that was all: false waits until the descriptor is readable again.
func (s *source) tryRead(fd uintptr) bool {
	dst := s.dst
	if dst == nil {
		s.held = getReadBuffer()
		dst = s.held[:]
	}
	n, again, err := readFD(fd, dst)
	if again {
		s.release()
		return false
	}
	s.n, s.err = n, err
	return true
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
