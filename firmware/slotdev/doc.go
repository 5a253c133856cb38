// Package slotdev keeps firmware in two slots, on plain files or block devices, with a boot record
// in the format of a U-Boot environment.
//
//	dev, err := slotdev.Open(slotdev.Config{A: "/dev/mmcblk0p2", B: "/dev/mmcblk0p3", Env: []slotdev.Location{...}})
//	state, err := dev.State(ctx)
//
// A [Device] is a firmware.Slots and a firmware.Applier. [Create] makes a pair of slots in files,
// and [Boot] plays the boot loader for them: for tests, simulations and a first try on a desk.
//
// # The boot record
//
// It has the keys that Nerves systems use: nerves_fw_active, and for each slot the description
// a.nerves_fw_uuid, a.nerves_fw_version and so on, with a.nerves_fw_validated. A flip sets
// nerves_fw_active, upgrade_available=1 and bootcount=0. The boot loader is expected to count
// bootcount up at each start while upgrade_available is 1 and, beyond bootlimit (3 unless it says
// something else), to boot the other slot: to set nerves_fw_active to it and upgrade_available to
// 0. A commit sets upgrade_available=0 and the slot's nerves_fw_validated=1. A slot without
// nerves_fw_uuid is undescribed; the described other slot with nerves_fw_validated=0 was gone back
// from.
//
// Two keys are our own: hublink_staged, what the other slot is being filled with, and
// hublink_pending, which slot runs while a flip or revert waits for the reboot. Keys that this
// package does not know stay as they are.
//
// # Power loss
//
// With two copies each write goes to the older one, is synced and read back, and counts from the
// moment that its CRC is right: at any time one copy is whole, so that a flip happens or does not.
// With one copy only the part that changes is written. That is as good as long as it lies in one
// sector of the medium, 512 bytes of which the header is the first: a power loss between two
// sectors loses the boot record. Use two copies.
//
// # Ownership and safety
//
// One Device per boot record, in one process, which may use it from several goroutines. Programs
// like fw_setenv may be used beside it, but not at the same moment. The running slot is never
// opened for writing; a slot that is mounted or otherwise in use is refused, as are two slots that
// are the same file or device under two names, and a boot record inside of a slot.
//
// Written bytes are synced and dropped from the page cache in steps, so that memory stays flat
// whatever the size of the firmware. Files are allocated in full before the first byte is written:
// a full disk is found out at the start.
//
// # What it does not do
//
// It checks no hash and no signature, knows no partition table, and does not write raw flash (MTD,
// UBI).
package slotdev
