package firmware

import (
	"context"
	"errors"
	"io"
)

// ErrNotInOrder is the error of a staging that takes bytes in order only, when an offset goes back.
var ErrNotInOrder = errors.New("the bytes of a stream cannot go back")

// Applier takes the bytes of a new firmware to where they will be booted from.
// firmwaretest.TestApplier is its contract as a test.
type Applier interface {
	// Begin opens the slot that is not running for target. It first makes that slot undescribed, so
	// that a torn write can never be taken for a firmware, unless it already holds bytes of the same
	// target (same UUID, size and checksum), which Staging.ReadAt then gives back. It fails with
	// *TooLargeError before it changes anything when target.Size exceeds the slot. The running slot's
	// bytes never change.
	Begin(ctx context.Context, target Target) (Staging, error)
}

// Staging is the open, inactive slot. Its methods are called from one goroutine at a time.
type Staging interface {
	io.ReaderAt // what is there: to hash again before it is trusted
	io.WriterAt // sequential by contract, but an offset may go back; never beyond the slot
	// Sync makes everything written survive a power loss.
	Sync() error
	// Finish syncs, closes, and leaves the slot ready to be flipped to. Exactly one of Finish and
	// Abort is called.
	Finish(ctx context.Context) error
	// Abort closes. What was written stays for a later resume and is never bootable.
	Abort() error
}

// Slots is the boot record: which slot runs, which one is next. firmwaretest.TestSlots is its
// contract as a test.
type Slots interface {
	// State reads the boot record anew.
	State(ctx context.Context) (BootState, error)
	// Flip makes the staged slot the next to boot, on trial, described by target: one atomic write of
	// the boot record.
	Flip(ctx context.Context, target Target) error
	// Commit ends the trial of the running slot; on a committed one it does nothing.
	Commit(ctx context.Context) error
	// Revert makes the previous slot the next to boot; it fails when there is none to go back to.
	Revert(ctx context.Context) error
}

// Target is what a slot shall hold.
type Target struct {
	UUID     string
	Meta     Metadata
	Size     int64  // bytes; 0: not known
	Checksum string // SHA-256 in lower-case hex; "": not known
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
	Reverted  bool     // the other slot was on trial and the boot loader went back from it
	Capacity  int64    // bytes that the other slot takes
}

// pending reports whether another slot than the running one boots next.
func (b *BootState) pending() bool { return b.Next != b.Active }

// flippedTo reports whether the other slot holds uuid and boots next.
func (b *BootState) flippedTo(uuid string) bool { return b.pending() && b.Other["uuid"] == uuid }
