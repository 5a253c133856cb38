package firmwaretest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"

	"github.com/hublink-go/hublink/firmware"
)

// Board is a device with two slots and a boot record on a Disk: Device for tests that lose the
// power. Its appliers are fakes of the four kinds, see Kind.
type Board struct {
	disk     *Disk
	capacity int64
	record   *copies
	open     *boardStaging // nil: none
	served   map[string][]byte
}

// Kind is a kind of applier, as firmware.Applier lists them.
type Kind uint8

// The kinds.
const (
	Slot         Kind = iota // raw image; the boot record flips
	Archive                  // an archive in order; the applier flips
	Program                  // an archive in order; the program flips when it has the payload
	Installer                // a file; the installer flips while it works on it
	SelfFetching             // an installer that downloads by itself
	kinds
)

var kindNames = [kinds]string{"slot", "archive", "program", "installer", "self-fetching installer"}

// String returns the name of the kind.
func (k Kind) String() string { return kindNames[k] }

// Kinds returns all kinds.
func Kinds() []Kind { return []Kind{Slot, Archive, Program, Installer, SelfFetching} }

// spoolFile is where an installer finds its file.
const spoolFile = "spool"

// NewBoard returns a board whose slot a runs, committed, and whose slots take capacity bytes each.
func NewBoard(disk *Disk, running firmware.Metadata, capacity int64) *Board {
	b := &Board{
		disk: disk, capacity: capacity, record: newCopies(disk, "boot record", 4<<10),
		served: map[string][]byte{},
	}
	disk.Add("a", capacity)
	disk.Add("b", capacity)
	disk.Add(spoolFile, capacity+packed)
	r := record{Running: "a", Next: "a", A: slotRecord{Meta: maps.Clone(running)}}
	if err := b.save(&r); err != nil {
		panic(err) // the disk has just been made
	}
	return b
}

// record is the boot record.
type record struct {
	Running, Next string
	Boots         int // of the firmware on trial
	A, B          slotRecord
}

// slotRecord is what the boot record says of a slot.
type slotRecord struct {
	Meta   firmware.Metadata // nil: undescribed
	Trial  bool              // not committed
	Target firmware.Target   // what it is being filled with
	Ready  bool
}

func (r *record) slot(name string) *slotRecord {
	if name == "a" {
		return &r.A
	}
	return &r.B
}

func (r *record) active() *slotRecord { return r.slot(r.Running) }
func (r *record) idle() *slotRecord   { return r.slot(other(r.Running)) }
func (r *record) pending() bool       { return r.Next != r.Running }

// flip makes the other slot boot next, on trial.
func (r *record) flip(t firmware.Target) {
	i := r.idle()
	i.Meta, i.Trial, i.Ready = maps.Clone(t.Meta), true, false
	if i.Meta == nil {
		i.Meta = firmware.Metadata{}
	}
	i.Meta["uuid"] = t.UUID
	r.Next = other(r.Running)
}

// undescribe makes the other slot one that cannot boot.
func (r *record) undescribe() {
	i := r.idle()
	r.Next = r.Running
	i.Meta, i.Trial, i.Ready = nil, false, false
}

func (b *Board) load(ctx context.Context) (*record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	data, err := b.record.load()
	if err != nil {
		return nil, err
	}
	r := &record{}
	return r, json.Unmarshal(data, r)
}

func (b *Board) save(r *record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return b.record.save(data)
}

// change edits the boot record in one atomic write.
func (b *Board) change(ctx context.Context, edit func(*record) error) error {
	r, err := b.load(ctx)
	if err != nil {
		return err
	}
	if err := edit(r); err != nil {
		return err
	}
	return b.save(r)
}

// Boot starts the machine once and returns the slot that boots, as Device.Boot does.
func (b *Board) Boot() string {
	b.open = nil
	var booted string
	err := b.change(context.Background(), func(r *record) error {
		if r.pending() {
			r.Running, r.Boots = r.Next, 0
		}
		if run, back := r.active(), r.idle(); run.Trial {
			if r.Boots++; r.Boots > trialBoots && back.Meta != nil && !back.Trial {
				r.Running = other(r.Running)
			}
		}
		r.Next = r.Running
		booted = r.Running
		return nil
	})
	if err != nil {
		panic(err) // the power is on when a machine boots
	}
	return booted
}

// State implements firmware.Slots.
func (b *Board) State(ctx context.Context) (firmware.BootState, error) {
	r, err := b.load(ctx)
	if err != nil {
		return firmware.BootState{}, err
	}
	run, idle := r.active(), r.idle()
	return firmware.BootState{
		Active: r.Running, Next: r.Next, Meta: run.Meta, Other: idle.Meta, Validated: !run.Trial,
		Reverted: !r.pending() && idle.Meta != nil && idle.Trial, Capacity: b.capacity,
	}, nil
}

// Flip implements firmware.Slots.
func (b *Board) Flip(ctx context.Context, target firmware.Target) error {
	return b.change(ctx, func(r *record) error {
		i := r.idle()
		switch {
		case r.pending() && i.Trial && i.Meta["uuid"] == target.UUID:
			return nil
		case !i.Ready || !same(i.Target, target) || b.open != nil || r.active().Trial:
			return errors.New("flip: the other slot does not hold that firmware in full")
		}
		r.flip(target)
		return nil
	})
}

// Commit implements firmware.Slots.
func (b *Board) Commit(ctx context.Context) error {
	return b.change(ctx, func(r *record) error {
		if r.active().Trial && r.pending() {
			return errors.New("commit: a revert waits for its reboot")
		}
		r.active().Trial = false
		return nil
	})
}

// Revert implements firmware.Slots.
func (b *Board) Revert(ctx context.Context) error {
	return b.change(ctx, func(r *record) error {
		i := r.idle()
		switch {
		case r.pending() && i.Trial:
			r.undescribe()
		case r.pending():
		case i.Meta == nil || i.Trial:
			return errors.New("revert: the other slot holds no firmware")
		default:
			r.Next = other(r.Running)
		}
		return nil
	})
}

// Bytes returns the first n bytes of a slot.
func (b *Board) Bytes(slot string, n int) []byte {
	return b.disk.first(slot, n)
}

// trialBoots is how many starts a firmware on trial gets.
const trialBoots = 3

func other(slot string) string {
	if slot == "a" {
		return "b"
	}
	return "a"
}

// same reports whether bytes of one target can be kept for the other.
func same(a, b firmware.Target) bool {
	return a.UUID == b.UUID && a.Size == b.Size && a.Checksum == b.Checksum
}
