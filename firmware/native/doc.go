// Package native applies fwup archives without the fwup program: it runs a task of an archive on a
// block device or a file and leaves the bytes there that fwup would leave.
//
// Most programs need two calls: [Open], which chooses a task and checks that this package can do
// all of it, and the methods of [Run] in their order:
//
//	run, err := native.Open(disk, archive.Meta(), native.Options{Task: "upgrade"})
//	err = run.Begin()              // the task's on-init
//	err = run.Resource(e, archive) // for each entry of the archive
//	err = run.Ready()              // every resource was there, and all of it is on the medium
//	err = run.Finish()             // the task's on-finish: what flips
//
// The caller calls Finish when the archive was verified to its last byte and it has persisted that
// the next step flips. After an error it calls Fail, which drops what was not written yet and runs
// the task's on-error.
//
// # What it does
//
// raw_write, raw_memset, trim, the fat_ functions, mbr_write, gpt_write, the uboot_ functions, info
// and error; the requirements require-partition-offset, require-fat-file-exists,
// require-fat-file-match, require-uboot-variable and, if the caller can tell,
// require-path-on-device; VCDIFF deltas against a range of the target or a file in a FAT file
// system. A task that needs anything else is refused by Open with [ErrUnsupported] and the name of
// the directive: fwup can do it.
//
// # Order of writes
//
// Data of resources go to the target as they come. Everything else waits in a cache of 4 MiB until
// Ready or Finish. Finish writes U-Boot environments last, and of a redundant one never the copy
// that counts first: the flip is one write of a copy, before which the target boots what it booted
// before.
//
// A Run is for one goroutine and needs about 5 MiB of memory and what a delta needs (see package
// vcdiff).
package native
