package flash

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/hublink-go/hublink/firmware"
)

// Device is the storage of one device.
type Device struct {
	capacity int64

	mu       sync.Mutex
	slots    [2]slot
	active   uint8
	next     uint8
	trial    bool // the active slot is not committed
	flipped  bool // next is on trial when it boots
	reverted bool
	journal  []byte
	boots    int
}

// slot is what one half of the flash holds.
type slot struct {
	meta     firmware.Metadata // nil: undescribed, never booted
	checksum string            // of what the record describes; empty: not known
	staged   *firmware.Target  // whose bytes are being written
	data     []byte
}

// New makes the storage of a device that runs meta, committed, in slot a. meta is not changed and
// may be shared.
func New(meta firmware.Metadata, capacity int64) *Device {
	d := &Device{capacity: capacity}
	d.slots[0].meta = meta
	return d
}

func name(slot uint8) string { return string('a' + rune(slot)) }

// Boot is a restart of the machine: the slot that is next runs from here on. One that was on trial
// and was not committed is left for the one before. It fails when the slot does not hold, to the
// last byte, what it was flipped to.
func (d *Device) Boot() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.boots++
	switch {
	case d.next != d.active:
		d.active, d.trial, d.reverted = d.next, d.flipped, false
	case d.trial:
		d.active, d.next, d.trial, d.reverted = 1-d.active, 1-d.active, false, true
	}
	d.flipped = false
	s := &d.slots[d.active]
	if s.meta == nil {
		return fmt.Errorf("boot slot %s: it holds no firmware", name(d.active))
	}
	if sum := sha256.Sum256(s.data); s.checksum != "" && hex.EncodeToString(sum[:]) != s.checksum {
		return fmt.Errorf(
			"boot slot %s: its %d bytes are not those of firmware %q",
			name(d.active),
			len(s.data),
			s.meta["uuid"],
		)
	}
	return nil
}

// State implements firmware.Slots.
func (d *Device) State(context.Context) (firmware.BootState, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return firmware.BootState{
		Active: name(
			d.active,
		), Next: name(d.next), Meta: d.slots[d.active].meta, Other: d.slots[1-d.active].meta,
		Validated: !d.trial, Reverted: d.reverted, Capacity: d.capacity,
	}, nil
}

// Flip implements firmware.Slots.
func (d *Device) Flip(_ context.Context, target firmware.Target) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &d.slots[1-d.active]
	if d.trial {
		return errors.New("flip: the running firmware is on trial, the other slot is the way back")
	}
	if s.staged == nil || s.staged.UUID != target.UUID {
		return fmt.Errorf("flip to firmware %q: the slot does not hold it", target.UUID)
	}
	s.meta, s.checksum, s.staged = target.Meta, target.Checksum, nil
	d.next, d.flipped, d.reverted = 1-d.active, true, false
	return nil
}

// Commit implements firmware.Slots.
func (d *Device) Commit(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trial = false
	return nil
}

// Revert implements firmware.Slots.
func (d *Device) Revert(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next != d.active {
		d.next, d.flipped = d.active, false
		return nil
	}
	if !d.trial || d.slots[1-d.active].meta == nil {
		return errors.New("revert: there is no firmware to go back to")
	}
	d.next, d.flipped = 1-d.active, false
	return nil
}

// Load implements actors.Journal.
func (d *Device) Load() ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return bytes.Clone(d.journal), nil
}

// Save implements actors.Journal.
func (d *Device) Save(data []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.journal = bytes.Clone(data)
	return nil
}

// Begin implements firmware.Applier.
func (d *Device) Begin(_ context.Context, target firmware.Target) (firmware.Staging, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if target.Size > d.capacity {
		return nil, &firmware.TooLargeError{Size: target.Size, Capacity: d.capacity}
	}
	if d.trial || d.next != d.active {
		return nil, errors.New(
			"open the slot: it is needed, a firmware is on trial or waits for its boot",
		)
	}
	s := &d.slots[1-d.active]
	s.meta, s.checksum = nil, ""
	if s.staged == nil || s.staged.UUID != target.UUID || s.staged.Size != target.Size ||
		s.staged.Checksum != target.Checksum {
		s.staged, s.data = &target, nil
	}
	s.data = slices.Grow(s.data, int(target.Size)-min(len(s.data), int(target.Size)))
	return &staging{dev: d, slot: s}, nil
}
