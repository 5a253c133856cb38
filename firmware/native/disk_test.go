package native

import (
	"io"
)

// memory is a target in memory: a file that grows, or a device of a fixed size.
type memory struct {
	data  []byte
	fixed bool
	syncs int
}

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(m.data)) {
		return 0, io.EOF
	}
	n := copy(p, m.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	end := int(off) + len(p)
	if end > len(m.data) {
		if m.fixed {
			return 0, io.ErrShortWrite
		}
		m.data = append(m.data, make([]byte, end-len(m.data))...)
	}
	return copy(m.data[off:], p), nil
}

func (m *memory) Size() (int64, bool, error) { return int64(len(m.data)), m.fixed, nil }

func (m *memory) Sync() error {
	m.syncs++
	return nil
}
