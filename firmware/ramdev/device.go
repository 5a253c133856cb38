package ramdev

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/hublink-go/hublink/firmware"
)

// Device is a device with two slots and a journal in memory.
type Device struct {
	// TrialBoots is how many starts a firmware on trial gets. New sets it to 3; it may be changed
	// before the first Boot.
	TrialBoots int

	mu       sync.Mutex
	capacity int64
	slots    [2]slot
	running  index
	next     index
	boots    int // of the firmware on trial
	open     *staging
	failing  map[string]error
	calls    []string
	journal  []byte
}

// index is a slot: 0 is "a", 1 is "b".
type index uint8

func (i index) String() string { return string('a' + rune(i)) }

func (i index) other() index { return 1 - i }

// slot is what the device knows of a slot.
type slot struct {
	data   []byte
	meta   firmware.Metadata // nil: undescribed
	target firmware.Target   // what it is being filled with
	trial  bool              // not committed
	ready  bool
}

var (
	_ firmware.Slots   = (*Device)(nil)
	_ firmware.Applier = (*Device)(nil)
)

// New makes a device whose slot a runs the firmware running, committed, and whose slots take
// capacity bytes each. They use memory as they are filled. running may be shared by many devices
// and must not be changed.
func New(running firmware.Metadata, capacity int64) *Device {
	d := &Device{TrialBoots: 3, capacity: capacity}
	d.slots[0].meta, d.slots[0].data = running, []byte("the running firmware")
	return d
}

// FailNext makes the next call of a method fail with err: "state", "flip", "commit", "revert",
// "begin", "read", "write", "sync", "finish" or "abort".
func (d *Device) FailNext(method string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failing == nil {
		d.failing = map[string]error{}
	}
	d.failing[method] = err
}

// Calls returns the methods that were called and did not fail, in order, without "state" and
// "read".
func (d *Device) Calls() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.calls)
}

// Bytes returns a copy of what a slot holds.
func (d *Device) Bytes(name string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.slots {
		if index(i).String() == name {
			return slices.Clone(d.slots[i].data)
		}
	}
	return nil
}

// idle is the slot that does not run. The lock is held.
func (d *Device) idle() *slot { return &d.slots[d.running.other()] }

// Boot starts the machine once and returns the slot that boots: the next one, unless that had its
// TrialBoots without a commit.
func (d *Device) Boot() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open = nil
	if d.next != d.running {
		d.running, d.boots = d.next, 0
	}
	if back := d.idle(); d.slots[d.running].trial {
		if d.boots++; d.boots > d.TrialBoots && back.meta != nil && !back.trial {
			d.running = d.running.other()
		}
	}
	d.next = d.running
	return d.running.String()
}

// Check reports an error when the running slot is undescribed, or does not hold, to the last byte,
// the firmware that it was flipped to.
func (d *Device) Check() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &d.slots[d.running]
	if s.meta == nil {
		return fmt.Errorf("check slot %s: it holds no firmware", d.running)
	}
	sum := sha256.Sum256(s.data)
	if want := s.target.Checksum; want != "" && hex.EncodeToString(sum[:]) != want {
		return fmt.Errorf("check slot %s: its %d bytes are not those of firmware %q",
			d.running, len(s.data), s.meta["uuid"])
	}
	return nil
}

// Load returns a copy of the journal; it implements actors.Journal.
func (d *Device) Load() ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return bytes.Clone(d.journal), nil
}

// Save replaces the journal; it implements actors.Journal.
func (d *Device) Save(data []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.journal = append(d.journal[:0], data...)
	return nil
}

// begin is called with the device locked, at the start of each method.
func (d *Device) begin(ctx context.Context, method string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err, ok := d.failing[method]; ok {
		delete(d.failing, method)
		return fmt.Errorf("%s: %w", method, err)
	}
	return nil
}

func (d *Device) did(method string) { d.calls = append(d.calls, method) }

// State implements firmware.Slots.
func (d *Device) State(ctx context.Context) (firmware.BootState, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin(ctx, "state"); err != nil {
		return firmware.BootState{}, err
	}
	run, idle := &d.slots[d.running], d.idle()
	return firmware.BootState{
		Active: d.running.String(), Next: d.next.String(), Meta: run.meta, Other: idle.meta,
		Validated: !run.trial,
		Reverted:  d.running == d.next && idle.meta != nil && idle.trial, Capacity: d.capacity,
	}, nil
}

// Flip implements firmware.Slots.
func (d *Device) Flip(ctx context.Context, target firmware.Target) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin(ctx, "flip"); err != nil {
		return err
	}
	idle := d.idle()
	switch {
	case d.next != d.running && idle.trial && idle.meta["uuid"] == target.UUID:
		return nil
	case !idle.ready || !same(idle.target, target) || d.open != nil || d.slots[d.running].trial:
		return errors.New(
			"flip: the other slot does not hold that firmware in full, or is the only way back",
		)
	}
	idle.meta, idle.trial, idle.ready = maps.Clone(target.Meta), true, false
	if idle.meta == nil {
		idle.meta = firmware.Metadata{}
	}
	idle.meta["uuid"] = target.UUID
	d.next = d.running.other()
	d.did("flip")
	return nil
}

// Commit implements firmware.Slots.
func (d *Device) Commit(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin(ctx, "commit"); err != nil {
		return err
	}
	if run := &d.slots[d.running]; run.trial {
		if d.next != d.running {
			return errors.New("commit: the way back is prepared already")
		}
		run.trial = false
		d.did("commit")
	}
	return nil
}

// Revert implements firmware.Slots.
func (d *Device) Revert(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.begin(ctx, "revert"); err != nil {
		return err
	}
	idle := d.idle()
	switch {
	case d.next != d.running && idle.trial:
		idle.meta, idle.trial, d.next = nil, false, d.running
	case d.next != d.running:
		return nil
	case idle.meta == nil || idle.trial:
		return errors.New("revert: there is no firmware to go back to in the other slot")
	default:
		d.next = d.running.other()
	}
	d.did("revert")
	return nil
}

func same(a, b firmware.Target) bool {
	return a.UUID == b.UUID && a.Size == b.Size && a.Checksum == b.Checksum
}
