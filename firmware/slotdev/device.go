package slotdev

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/slotdev/bootrecord"
)

var (
	// ErrNoRecord means that no copy of the boot record is consistent.
	ErrNoRecord = bootrecord.ErrNone
	// ErrOnTrial means that the running firmware is not committed, so that the other slot holds the
	// only firmware to revert to.
	ErrOnTrial = errors.New("the running firmware is on trial: commit it or revert first")
	// ErrNoSlots means that the config names no slots, so that only an applier of archives can write.
	ErrNoSlots = errors.New("no slots are configured for images: this device takes archives only")
	// ErrNotStaged means that the other slot was not filled with that firmware to the end.
	ErrNotStaged = errors.New("the other slot does not hold that firmware in full")
	// ErrNoPrevious means that the other slot holds no firmware that could boot.
	ErrNoPrevious = errors.New("there is no firmware to revert to in the other slot")
)

// Device is a pair of slots with its boot record.
type Device struct {
	cfg Config

	mu   sync.Mutex // guards the boot record from loading to saving it, and open
	open *staging   // nil: none
}

var (
	_ firmware.Slots   = (*Device)(nil)
	_ firmware.Applier = (*Device)(nil)
)

// Open checks the config and that the slots are two. It writes nothing. Slots and boot record may
// be missing: the methods that need them fail then.
func Open(cfg Config) (*Device, error) {
	if err := cfg.open(); err != nil {
		return nil, fmt.Errorf("open the slots: %w", err)
	}
	if cfg.BootID == "" {
		id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
		if err != nil {
			return nil, fmt.Errorf("open the slots: read the ID of this boot: %w", err)
		}
		cfg.BootID = strings.TrimSpace(string(id))
	}
	return &Device{cfg: cfg}, nil
}

// State implements firmware.Slots. It fails with ErrNoRecord.
func (d *Device) State(ctx context.Context) (firmware.BootState, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, err := d.load(ctx)
	if err != nil {
		return firmware.BootState{}, fmt.Errorf("read the boot record: %w", err)
	}
	o := other(v.running)
	capacity, err := d.cfg.capacity(o)
	if err != nil {
		return firmware.BootState{}, err
	}
	meta := maps.Clone(d.cfg.Metadata)
	if recorded := v.meta(v.running); meta == nil {
		meta = recorded
	} else {
		maps.Copy(meta, recorded)
	}
	s := firmware.BootState{
		Active: v.running, Next: v.next, Meta: meta, Other: v.meta(o), Validated: v.validated(v.running),
		Capacity: capacity,
	}
	s.Reverted = s.Other != nil && !v.pending() && v.failed(o)
	return s, nil
}

// Flip implements firmware.Slots. It fails with ErrNotStaged.
func (d *Device) Flip(ctx context.Context, target firmware.Target) error {
	return d.change(ctx, "flip", func(v view) error {
		o := other(v.running)
		if v.next == o && v.failed(o) && v.meta(o)["uuid"] == oneLine(target.UUID) {
			return nil // done already
		}
		s := getStaged(v.record)
		if !s.is(o, target) || !s.ready || d.open != nil {
			return ErrNotStaged
		}
		s.ready = false // a firmware that boots may change its own slot
		return errors.Join(s.put(v.record), flip(v, target, d.cfg.BootID))
	})
}

// flip puts the other slot on trial.
func flip(v view, target firmware.Target, bootID string) error {
	o := other(v.running)
	if err := describe(v.record, o, target); err != nil {
		return err
	}
	put(v.record, v.running+"."+keyValidated, "1")
	v.activate(o, bootID, true)
	return nil
}

// Commit implements firmware.Slots.
func (d *Device) Commit(ctx context.Context) error {
	return d.change(ctx, "commit", func(v view) error {
		switch {
		case v.validated(v.running):
			return nil
		case v.pending():
			return errors.New("a revert waits for the reboot: restart")
		}
		v.activate(v.running, d.cfg.BootID, false)
		put(v.record, v.running+"."+keyValidated, "1")
		put(v.record, keyStaged, "")
		return nil
	})
}

// Revert implements firmware.Slots. It fails with ErrNoPrevious. It takes back a flip that waits
// for its reboot.
func (d *Device) Revert(ctx context.Context) error {
	return d.change(ctx, "revert", func(v view) error {
		o := other(v.running)
		switch {
		case v.pending() && (v.failed(o) || v.pinned):
			undescribe(v.record, o)
			v.activate(v.running, d.cfg.BootID, false)
			return nil
		case v.pending():
			return nil // done already
		case v.meta(o) == nil || v.failed(o):
			return ErrNoPrevious
		}
		v.activate(o, d.cfg.BootID, false)
		return nil
	})
}

// Pin notes which slot runs in this boot, so that State tells it after a flip that another program
// does, which changes only what boots next. Call it before such a program may flip.
func (d *Device) Pin(ctx context.Context) error {
	return d.change(ctx, "note the running slot", func(v view) error {
		put(v.record, keyPending, v.running+" "+d.cfg.BootID+markPinned)
		return nil
	})
}

// Vacate notes that another program is about to write the slot that does not run: what the slot
// held is no firmware to revert or flip to any more. It fails while a flip waits for its reboot.
func (d *Device) Vacate(ctx context.Context) error {
	return d.change(ctx, "note that the other slot is written", func(v view) error {
		if v.pending() {
			return errors.New("it boots next")
		}
		undescribe(v.record, other(v.running))
		put(v.record, keyStaged, "")
		return nil
	})
}

// load loads the boot record and reads its meaning.
func (d *Device) load(ctx context.Context) (view, error) {
	if err := ctx.Err(); err != nil {
		return view{}, err
	}
	r, err := d.cfg.Record.Load()
	if err != nil {
		return view{}, err
	}
	return look(r, d.cfg.BootID)
}

// change loads the boot record, lets edit change it and saves it.
func (d *Device) change(ctx context.Context, what string, edit func(view) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changeLocked(ctx, what, edit)
}

// changeLocked is change for a caller that holds d.mu.
func (d *Device) changeLocked(ctx context.Context, what string, edit func(view) error) error {
	v, err := d.load(ctx)
	if err == nil {
		err = edit(v)
	}
	if err == nil {
		err = v.record.Save()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
