package slotdev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/hublink-go/hublink/firmware"
)

// syncEvery is how many bytes may be in the page cache before they are written out.
const syncEvery = 4 << 20

// Begin implements firmware.Applier. It fails with *firmware.TooLargeError or ErrOnTrial before it
// changes anything. It closes a staging that is still open because its owner crashed, and takes
// back a flip that waits for its reboot.
func (d *Device) Begin(ctx context.Context, target firmware.Target) (firmware.Staging, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, err := d.load(ctx)
	if err != nil {
		return nil, fmt.Errorf("begin an update: %w", err)
	}
	s, err := d.claim(ctx, v, target)
	if err != nil {
		return nil, fmt.Errorf("begin an update: slot %s: %w", other(v.running), err)
	}
	undescribe(v.record, s.slot)
	if v.pending() {
		v.activate(v.running, d.cfg.BootID, false)
	}
	if err = (staged{slot: s.slot, target: target}).put(v.record); err == nil {
		err = v.record.Save()
	}
	if err != nil {
		_ = s.file.Close()
		return nil, fmt.Errorf("begin an update: %w", err)
	}
	d.open = s
	return s, nil
}

// claim opens the slot that does not run, after it checked everything that shows before the
// download that the slot can take target.
func (d *Device) claim(ctx context.Context, v view, target firmware.Target) (*staging, error) {
	slot := other(v.running)
	if d.cfg.slot(slot) == "" {
		return nil, ErrNoSlots
	}
	if !v.validated(v.running) {
		return nil, ErrOnTrial
	}
	capacity, err := d.cfg.capacity(slot)
	if err != nil {
		return nil, err
	}
	if target.Size > capacity {
		return nil, &firmware.TooLargeError{Size: target.Size, Capacity: capacity}
	}
	if err := d.rehearse(ctx, target); err != nil {
		return nil, err
	}
	if d.open != nil {
		_ = d.open.close()
	}
	f, err := d.cfg.Storage.Claim(d.cfg.slot(slot), d.cfg.Size)
	if err != nil {
		return nil, err
	}
	if err := d.cfg.distinct(); err != nil { // a slot may have been missing before
		_ = f.Close()
		return nil, err
	}
	return &staging{dev: d, file: f, slot: slot, target: target, capacity: capacity}, nil
}

// rehearse reports whether the boot record will have room for the description of target.
func (d *Device) rehearse(ctx context.Context, target firmware.Target) error {
	v, err := d.load(ctx) // a record of its own, which it does not save
	if err != nil {
		return err
	}
	s := staged{slot: other(v.running), ready: true, target: target}
	if err := s.put(v.record); err != nil {
		return err
	}
	if err := flip(v, target, d.cfg.BootID); err != nil {
		return err
	}
	return v.record.Fits()
}

// staging is the open slot.
type staging struct {
	dev      *Device
	file     File
	slot     string
	target   firmware.Target
	capacity int64
	unsynced int
	closed   atomic.Bool // by Finish, Abort, or a Begin that took over
}

var errClosed = fmt.Errorf("slot: %w", os.ErrClosed)

func (s *staging) ReadAt(p []byte, off int64) (int, error) {
	if s.closed.Load() {
		return 0, errClosed
	}
	return s.file.ReadAt(p, off)
}

func (s *staging) WriteAt(p []byte, off int64) (int, error) {
	switch {
	case s.closed.Load():
		return 0, errClosed
	case off < 0 || off > s.capacity-int64(len(p)):
		return 0, &firmware.TooLargeError{Size: off + int64(len(p)), Capacity: s.capacity}
	}
	n, err := s.file.WriteAt(p, off)
	if err != nil {
		return n, fmt.Errorf("write slot %s: %w", s.slot, err)
	}
	if s.unsynced += n; s.unsynced >= syncEvery {
		err = s.Sync()
	}
	return n, err
}

func (s *staging) Sync() error {
	if s.closed.Load() {
		return errClosed
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("sync slot %s: %w", s.slot, err)
	}
	s.unsynced = 0
	return nil
}

func (s *staging) Finish(ctx context.Context) error {
	if err := s.Sync(); err != nil {
		_ = s.Abort()
		return err
	}
	d := s.dev
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := s.close(); err != nil {
		return fmt.Errorf("close slot %s: %w", s.slot, err)
	}
	return d.changeLocked(ctx, "finish slot "+s.slot, func(v view) error {
		now := getStaged(v.record)
		if v.running == s.slot || !now.is(s.slot, s.target) {
			return errors.New("another program changed the boot record meanwhile")
		}
		now.ready = true
		return now.put(v.record)
	})
}

func (s *staging) Abort() error {
	s.dev.mu.Lock()
	defer s.dev.mu.Unlock()
	return s.close()
}

// close closes the slot. Its caller holds dev.mu.
func (s *staging) close() error {
	if s.closed.Swap(true) {
		return errClosed
	}
	if s.dev.open == s {
		s.dev.open = nil
	}
	return s.file.Close()
}
