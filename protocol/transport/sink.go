package transport

import "syscall"

// sink writes to the kernel's descriptor as much as there is room for. A frame is first offered to
// it as it is: setting a deadline for a write that does not wait costs more than making a small
// frame.
type sink struct {
	raw  syscall.RawConn
	try  func(fd uintptr) (ok bool) // s.tryWrite, made once
	rest []byte                     // for tryWrite, which takes off what is written
}

// newSink returns nil where the descriptor is not to be had.
func newSink(raw syscall.RawConn) *sink {
	if raw == nil {
		return nil
	}
	s := &sink{raw: raw}
	s.try = s.tryWrite
	return s
}

// offer writes as much of p as there is room for and returns the rest. An error is left to whoever
// writes that.
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
	return true // it is not to be waited for here
}
