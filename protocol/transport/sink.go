package transport

import "syscall"

// sink writes to the descriptor without waiting. It is tried before a write with a deadline,
// because setting a deadline takes longer than making a small frame.
type sink struct {
	raw  syscall.RawConn
	try  func(fd uintptr) (ok bool) // s.tryWrite, made once
	rest []byte                     // bytes for tryWrite, which removes the written ones
}

// newSink returns nil where there is no descriptor.
func newSink(raw syscall.RawConn) *sink {
	if raw == nil {
		return nil
	}
	s := &sink{raw: raw}
	s.try = s.tryWrite
	return s
}

// offer writes the part of p that fits the kernel's buffer and returns the rest. The write of the
// rest reports an error.
func (s *sink) offer(p []byte) (rest []byte) {
	s.rest = p
	_ = s.raw.Write(s.try)
	rest, s.rest = s.rest, nil
	return rest
}

func (s *sink) tryWrite(fd uintptr) bool {
	write := writeShort
	if len(s.rest) > readSize {
		write = writeFD
	}
	s.rest = s.rest[write(fd, s.rest):]
	return true // do not wait
}
