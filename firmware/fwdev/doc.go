// Package fwdev installs fwup archives (.fw) on a disk: natively, or with the fwup program where an
// archive needs more than package native has.
//
//	applier, err := fwdev.New(fwdev.Config{Disk: "/dev/mmcblk0", Keys: keys, Slots: slots})
//	config.Firmware.Applier = applier
//
// [Applier] is a firmware.Applier whose staging takes an archive as a stream and flips by itself.
// Before the first byte is written to the disk it has verified the signature of the archive and
// compared its UUID with the offer's; before the flip it has verified all of the archive (see
// package fwfile), and the agent the file's size and SHA-256.
//
// # Who applies
//
// With [Auto], package native applies an archive if it can do all of its task, or else the program
// if there is one. [Native] and [Program] allow one of them only. Begin takes back a flip that was
// not booted, because a task chooses the slot by the boot record.
//
// # What it refuses
//
// An archive without a key of the device's keys behind it; one with another UUID than the offer's;
// a task that would write to the partition of the mounted root file system. All of that happens
// before anything is written, and the error says what to do.
package fwdev
