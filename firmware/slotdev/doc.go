// Package slotdev keeps firmware in two slots, on plain files or block devices, with a boot record
// that the boot loader shares.
//
//	dev, err := slotdev.Open(slotdev.Config{A: "/dev/mmcblk0p2", B: "/dev/mmcblk0p3", Env: []slotdev.Location{...}})
//	state, err := dev.State(ctx)
//
// A [Device] is a firmware.Slots and a firmware.Applier. [Create] makes a pair of slots in files,
// and [Boot] plays the boot loader for them: for tests, simulations and a first try on a desk.
//
// # The boot record
//
// The boot record is a bootrecord.Store: a U-Boot environment (Config.Env), or the record of
// another boot loader (Config.Record). It has the keys that Nerves systems use: nerves_fw_active,
// and for each slot the description a.nerves_fw_uuid, a.nerves_fw_version and so on, with
// a.nerves_fw_validated. A flip sets nerves_fw_active, upgrade_available=1 and bootcount=0. The
// boot loader counts bootcount up at each start while upgrade_available is 1 and, beyond bootlimit
// (3 unless the record has another one), boots the other slot: it sets nerves_fw_active to that
// slot and upgrade_available to 0. A commit sets upgrade_available=0 and the slot's
// nerves_fw_validated=1. A slot without nerves_fw_uuid is undescribed. A described slot that does
// not run and has nerves_fw_validated=0 was reverted.
//
// Two keys are Hublink's: hublink_staged describes the firmware that fills the slot that does not
// run, and hublink_pending names the running slot while a flip or revert waits for the reboot.
// Other keys stay as they are.
//
// # Power loss
//
// With two copies of the boot record each write goes to the older one, so that one copy is
// consistent at any time and a flip happens or does not. With one copy only the part that changes
// is written. That is as good as long as it lies in one sector of the medium, 512 bytes of which
// the header is the first: a power loss between two sectors loses the boot record. Use two copies.
//
// # Ownership and safety
//
// A boot record belongs to one Device in one process; several goroutines may use the Device.
// Programs like fw_setenv may write the record too, but not at the same moment. The Device never
// opens the running slot for writing. It refuses a slot that is mounted or otherwise in use, two
// slots that are one file or device under two names, and a boot record inside of a slot.
//
// A staging syncs written bytes and drops them from the page cache in steps, so that the use of
// memory does not depend on the size of the firmware. Begin allocates a file in full before the
// first byte is written, and so reports a full disk at the start.
//
// # Limits
//
// The package checks no hash and no signature, knows no partition table, and does not write raw
// flash (MTD, UBI).
package slotdev
