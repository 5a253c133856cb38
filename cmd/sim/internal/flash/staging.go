package flash

import (
	"context"
	"errors"
	"io"
)

// staging is the open slot that does not run.
type staging struct {
	dev    *Device
	slot   *slot
	closed bool
}

var errClosed = errors.New("the slot was closed")

// ReadAt implements io.ReaderAt.
func (s *staging) ReadAt(p []byte, off int64) (int, error) {
	s.dev.mu.Lock()
	defer s.dev.mu.Unlock()
	switch {
	case s.closed:
		return 0, errClosed
	case off < 0 || off >= int64(len(s.slot.data)):
		return 0, io.EOF
	}
	n := copy(p, s.slot.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements io.WriterAt. What is behind the last byte written is gone, as on a device that
// is written in order.
func (s *staging) WriteAt(p []byte, off int64) (int, error) {
	s.dev.mu.Lock()
	defer s.dev.mu.Unlock()
	switch {
	case s.closed:
		return 0, errClosed
	case off < 0 || off > int64(len(s.slot.data)) || off+int64(len(p)) > s.dev.capacity:
		return 0, errors.New("write out of order, or beyond the slot")
	}
	s.slot.data = append(s.slot.data[:off], p...)
	return len(p), nil
}

// Sync implements firmware.Staging.
func (s *staging) Sync() error { return nil }

// Finish implements firmware.Staging.
func (s *staging) Finish(context.Context) error { return s.Abort() }

// Abort implements firmware.Staging.
func (s *staging) Abort() error {
	s.dev.mu.Lock()
	defer s.dev.mu.Unlock()
	s.closed = true
	return nil
}
