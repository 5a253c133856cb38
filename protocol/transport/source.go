package transport

import (
	"io"
	"net"
	"syscall"
)

// source reads from a stream and has no buffer while it waits: of 100,000 idle links, buffers would
// be most of the memory. With a descriptor it takes a buffer when the descriptor is readable.
// Without one (TLS, memory, wrapped streams) it reads the start of a frame into its own memory, and
// takes a buffer for the rest.
type source struct {
	nc  net.Conn
	raw syscall.RawConn            // nil means no descriptor
	try func(fd uintptr) (ok bool) // s.tryRead, made once

	unread []byte          // read and not decoded
	held   *[readSize]byte // the buffer of unread, or nil
	first  []byte          // memory for the start of a frame; nil with raw

	dst []byte // argument of tryRead
	n   int    // result of tryRead
	err error  // result of tryRead
}

// init makes s read early, the bytes after the handshake, and then nc. first is the size of the
// memory for the start of a frame without a descriptor.
func (s *source) init(nc net.Conn, early []byte, first int) {
	s.nc, s.unread = nc, early
	var sc syscall.Conn
	switch c := nc.(type) { // not every syscall.Conn: a wrapper that embeds one has to see the bytes
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

// fill waits for bytes and appends them to unread. idle reports that a frame starts here.
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

// readInto reads directly into dst.
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
// must release the source.
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

// tryRead reads once. It reports false to wait until the descriptor is readable.
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

// consume marks n unread bytes as decoded, and frees the buffer after the last one.
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
