package firmwaretest

import (
	"fmt"
	"io"
	"io/fs"
	"slices"
)

// handle is an open file of a disk.
type handle struct {
	disk         *Disk
	file         *stored
	life         int
	path         string
	write, claim bool
	closed       bool
}

// lock takes the disk for one call, if the file is alive.
func (h *handle) lock() (unlock func(), err error) {
	h.disk.mu.Lock()
	switch {
	case h.closed:
		err = fs.ErrClosed
	case h.disk.off || h.life != h.disk.life:
		err = ErrPowerCut
	}
	if err != nil {
		h.disk.mu.Unlock()
		return nil, err
	}
	return h.disk.mu.Unlock, nil
}

func (h *handle) ReadAt(p []byte, off int64) (int, error) {
	unlock, err := h.lock()
	if err != nil {
		return 0, err
	}
	defer unlock()
	if off >= int64(len(h.file.data)) {
		return 0, io.EOF
	}
	n := copy(p, h.file.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) WriteAt(p []byte, off int64) (int, error) {
	unlock, err := h.lock()
	if err != nil {
		return 0, err
	}
	defer unlock()
	switch {
	case !h.write:
		return 0, fmt.Errorf("write %s: %w: it was opened for reading", h.path, fs.ErrPermission)
	case off < 0 || off+int64(len(p)) > int64(len(h.file.data)):
		return 0, fmt.Errorf(
			"write %s: %d bytes at %d: the file has %d",
			h.path,
			len(p),
			off,
			len(h.file.data),
		)
	}
	h.file.dirty = append(h.file.dirty, dirty{int(off), slices.Clone(p)})
	if err := h.disk.act(); err != nil {
		return 0, err
	}
	return copy(h.file.data[off:], p), nil
}

func (h *handle) Sync() error {
	unlock, err := h.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := h.disk.act(); err != nil {
		return err
	}
	for _, w := range h.file.dirty {
		copy(h.file.synced[w.off:], w.data)
	}
	h.file.dirty = nil
	return nil
}

func (h *handle) Size() (int64, error) {
	unlock, err := h.lock()
	if err != nil {
		return 0, err
	}
	defer unlock()
	return int64(len(h.file.data)), nil
}

func (h *handle) Close() error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if h.closed {
		return fs.ErrClosed
	}
	h.closed = true
	if h.claim && h.life == h.disk.life {
		h.file.claimed = false
	}
	return nil
}
