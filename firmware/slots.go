package firmware

import "context"

// Slots is the boot record: which slot runs, which one boots next. It is the evidence from which a
// machine continues after a restart. firmwaretest.TestSlots is its contract as a test.
//
// Every method fails with the error of ctx, and changes nothing, when ctx has ended before. After
// any other error the boot record is as before the call or as after its success, never between:
// the machine reads it again.
type Slots interface {
	// State reads the boot record, never a copy of it in memory. After a flip, also one that a Flipper
	// has done, Next is the other slot and Other has the uuid of the target.
	State(ctx context.Context) (BootState, error)
	// Flip makes the staged slot boot next, on trial, described by target: one atomic write of the
	// boot record. It fails when Staging.Finish has not returned nil for that target. A machine does
	// not call it for an applier that is a Flipper.
	Flip(ctx context.Context, target Target) error
	// Commit ends the trial of the running slot. On a committed one it does nothing.
	Commit(ctx context.Context) error
	// Revert makes the previous slot boot next, or takes back a flip that was not booted. It fails
	// when the other slot holds no committed firmware.
	Revert(ctx context.Context) error
}

// Target is the firmware that a slot shall hold.
type Target struct {
	UUID     string
	Meta     Metadata
	Size     int64  // bytes; 0 means not known
	Checksum string // SHA-256 in lower-case hex; "" means not known
}

// Metadata describes a firmware by its nerves_fw_* keys without the prefix: uuid, product,
// architecture, version and platform are required, other keys pass through.
type Metadata map[string]string

// BootState is what the boot record says.
type BootState struct {
	Active    string   // the running slot: "a" or "b"
	Next      string   // the slot of the next boot; equals Active unless a flip or revert is pending
	Meta      Metadata // of the running slot
	Other     Metadata // of the other slot; nil when it is undescribed
	Validated bool     // the running slot is committed
	Reverted  bool     // the other slot was on trial and the boot loader reverted from it
	Capacity  int64    // bytes that the other slot takes; 0: not known
}

// pending reports whether another slot than the running one boots next.
func (b *BootState) pending() bool { return b.Next != b.Active }

// flippedTo reports whether the other slot holds uuid and boots next.
func (b *BootState) flippedTo(uuid string) bool { return b.pending() && b.Other["uuid"] == uuid }
