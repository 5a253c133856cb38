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
	"github.com/hublink-go/hublink/firmware/slotdev/internal/ubootenv"
)

var (
	// ErrOnTrial means that the other slot is the only way back, as long as the running firmware is
	// not committed.
	ErrOnTrial = errors.New("the running firmware is on trial: commit it or go back first")
	// ErrNotStaged means that the other slot was not filled with that firmware to the end.
	ErrNotStaged = errors.New("the other slot does not hold that firmware in full")
	// ErrNoWayBack means that the other slot holds nothing that could be booted.
	ErrNoWayBack = errors.New("there is no firmware to go back to in the other slot")
)

// Device is a pair of slots with its boot record.
type Device struct {
	cfg    Config
	record record

	mu   sync.Mutex // the boot record, from reading to writing it
	open *staging   // nil: none
}

var (
	_ firmware.Slots   = (*Device)(nil)
	_ firmware.Applier = (*Device)(nil)
)

// Open checks the config and that the slots are two. It writes nothing, and needs neither slots nor
// a boot record to be there yet: what misses them says so.
func Open(cfg Config) (*Device, error) {
	if err := cfg.open(); err != nil {
		return nil, fmt.Errorf("open the slots: %w", err)
	}
	if cfg.BootID == "" {
		id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
		if err != nil {
			return nil, fmt.Errorf("open the slots: tell this boot from the next: %w", err)
		}
		cfg.BootID = strings.TrimSpace(string(id))
	}
	return &Device{cfg: cfg, record: record{storage: cfg.Storage, at: cfg.Env}}, nil
}

// State implements firmware.Slots. It fails with ErrNoRecord when there is no boot record.
func (d *Device) State(ctx context.Context) (firmware.BootState, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, v, err := d.read(ctx)
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
		s := getStaged(v.env)
		if !s.is(o, target) || !s.ready || d.open != nil {
			return ErrNotStaged
		}
		s.ready = false // what is booted may be changed
		return errors.Join(s.put(v.env), flip(v, target, d.cfg.BootID))
	})
}

// flip puts the other slot on trial.
func flip(v view, target firmware.Target, bootID string) error {
	o := other(v.running)
	if err := describe(v.env, o, target); err != nil {
		return err
	}
	put(v.env, v.running+"."+keyValidated, "1")
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
			return errors.New("the way back is prepared already: restart")
		}
		v.activate(v.running, d.cfg.BootID, false)
		put(v.env, v.running+"."+keyValidated, "1")
		v.env.Delete(keyStaged)
		return nil
	})
}

// Revert implements firmware.Slots. It fails with ErrNoWayBack. A flip that waits for its reboot is
// taken back.
func (d *Device) Revert(ctx context.Context) error {
	return d.change(ctx, "revert", func(v view) error {
		o := other(v.running)
		switch {
		case v.pending() && v.failed(o):
			undescribe(v.env, o)
			v.activate(v.running, d.cfg.BootID, false)
			return nil
		case v.pending():
			return nil // done already
		case v.meta(o) == nil || v.failed(o):
			return ErrNoWayBack
		}
		v.activate(o, d.cfg.BootID, false)
		return nil
	})
}

// read reads the boot record anew.
func (d *Device) read(ctx context.Context) (content, view, error) {
	if err := ctx.Err(); err != nil {
		return content{}, view{}, err
	}
	c, err := d.record.load()
	if err != nil {
		return content{}, view{}, err
	}
	v, err := look(c.env.Clone(), d.cfg.BootID)
	return c, v, err
}

// change reads the boot record, lets edit change it and writes it, once, unless it is as before.
func (d *Device) change(ctx context.Context, what string, edit func(view) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changeLocked(ctx, what, edit)
}

func (d *Device) changeLocked(ctx context.Context, what string, edit func(view) error) error {
	c, v, err := d.read(ctx)
	if err == nil {
		err = edit(v)
	}
	if err == nil {
		err = d.save(c, v.env)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (d *Device) save(c content, env *ubootenv.Env) error {
	if env.Equal(c.env) {
		return nil
	}
	return d.record.store(c, env)
}
