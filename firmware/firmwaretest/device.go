package firmwaretest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/hublink-go/hublink/firmware"
)

// trialBoots is how many starts a firmware on trial gets.
const trialBoots = 3

// Device is a device with two slots in memory.
type Device struct {
	mu       sync.Mutex
	capacity int64
	running  string
	next     string
	slots    map[string]*slot
	boots    int // of the firmware on trial
	open     *staging
	failing  map[string]error
	calls    []string
}

// slot is what the device knows of a slot.
type slot struct {
	data   []byte
	meta   firmware.Metadata // nil: undescribed
	trial  bool              // not committed
	target firmware.Target   // what it is being filled with
	ready  bool
}

var (
	_ firmware.Slots   = (*Device)(nil)
	_ firmware.Applier = (*Device)(nil)
)

// NewDevice makes a device whose slot a runs, committed, and whose slots take capacity bytes each.
// They use memory as they are filled.
func NewDevice(running firmware.Metadata, capacity int64) *Device {
	return &Device{
		capacity: capacity, running: "a", next: "a", failing: map[string]error{},
		slots: map[string]*slot{
			"a": {meta: maps.Clone(running), data: []byte("the running firmware")},
			"b": {},
		},
	}
}

// FailNext makes the next call of a method fail with err: "state", "flip", "commit", "revert",
// "begin", "read", "write", "sync", "finish" or "abort".
func (d *Device) FailNext(method string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failing[method] = err
}

// Calls returns the methods that were called and did not fail, in order, without "state" and
// "read".
func (d *Device) Calls() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.calls)
}

// Bytes is what a slot holds.
func (d *Device) Bytes(name string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.slots[name].data)
}

// Boot starts the machine once and returns the slot that boots: the next one, unless it had its
// three starts on trial.
func (d *Device) Boot() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open = nil
	if d.next != d.running {
		d.running, d.boots = d.next, 0
	}
	if back := d.slots[other(d.running)]; d.slots[d.running].trial {
		if d.boots++; d.boots > trialBoots && back.meta != nil && !back.trial {
			d.running = other(d.running)
		}
	}
	d.next = d.running
	return d.running
}

func other(name string) string {
	if name == "a" {
		return "b"
	}
	return "a"
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
	run, idle := d.slots[d.running], d.slots[other(d.running)]
	return firmware.BootState{
		Active: d.running, Next: d.next, Meta: maps.Clone(run.meta), Other: maps.Clone(idle.meta),
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
	idle := d.slots[other(d.running)]
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
	d.next = other(d.running)
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
	if run := d.slots[d.running]; run.trial {
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
	idle := d.slots[other(d.running)]
	switch {
	case d.next != d.running && idle.trial:
		idle.meta, idle.trial, d.next = nil, false, d.running
	case d.next != d.running:
		return nil
	case idle.meta == nil || idle.trial:
		return errors.New("revert: there is no firmware to go back to in the other slot")
	default:
		d.next = other(d.running)
	}
	d.did("revert")
	return nil
}

func same(a, b firmware.Target) bool {
	return a.UUID == b.UUID && a.Size == b.Size && a.Checksum == b.Checksum
}
