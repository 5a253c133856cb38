package ramdev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/hublink-go/hublink/firmware"
)

// Begin implements firmware.Applier.
func (d *Device) Begin(ctx context.Context, target firmware.Target) (firmware.Staging, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin(ctx, "begin"); err != nil {
		return nil, err
	}
	idle := d.idle()
	switch {
	case target.Size > d.capacity:
		return nil, &firmware.TooLargeError{Size: target.Size, Capacity: d.capacity}
	case d.slots[d.running].trial:
		return nil, errors.New(
			"begin: the running firmware is on trial, the other slot is the only way back",
		)
	case !same(idle.target, target):
		idle.data = nil
	}
	d.next = d.running
	idle.meta, idle.trial, idle.ready, idle.target = nil, false, false, target
	d.open = &staging{dev: d, slot: idle}
	d.did("begin")
	return d.open, nil
}

// staging is the open slot.
type staging struct {
	dev  *Device
	slot *slot
}

// lock takes the device for one call.
func (s *staging) lock(ctx context.Context, method string) (unlock func(), err error) {
	s.dev.mu.Lock()
	if err = s.dev.begin(ctx, method); err == nil && s.dev.open != s {
		err = fmt.Errorf("%s: the slot: %w", method, fs.ErrClosed)
	}
	if err != nil {
		s.dev.mu.Unlock()
		return nil, err
	}
	return s.dev.mu.Unlock, nil
}

func (s *staging) ReadAt(p []byte, off int64) (int, error) {
	unlock, err := s.lock(context.Background(), "read")
	if err != nil {
		return 0, err
	}
	defer unlock()
	if off >= int64(len(s.slot.data)) {
		return 0, io.EOF
	}
	n := copy(p, s.slot.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (s *staging) WriteAt(p []byte, off int64) (int, error) {
	unlock, err := s.lock(context.Background(), "write")
	if err != nil {
		return 0, err
	}
	defer unlock()
	if off < 0 || off > s.dev.capacity-int64(len(p)) {
		return 0, &firmware.TooLargeError{Size: off + int64(len(p)), Capacity: s.dev.capacity}
	}
	if missing := off + int64(len(p)) - int64(len(s.slot.data)); missing > 0 {
		s.slot.data = append(s.slot.data, make([]byte, missing)...)
	}
	s.dev.did("write")
	return copy(s.slot.data[off:], p), nil
}

func (s *staging) Sync() error { return s.end(context.Background(), "sync") }

func (s *staging) Finish(ctx context.Context) error { return s.end(ctx, "finish") }

func (s *staging) Abort() error { return s.end(context.Background(), "abort") }

func (s *staging) end(ctx context.Context, method string) error {
	unlock, err := s.lock(ctx, method)
	if err != nil {
		return err
	}
	defer unlock()
	s.dev.did(method)
	if method != "sync" {
		s.dev.open = nil
		s.slot.ready = method == "finish"
	}
	return nil
}
