// Package firmware decides what happens to a firmware that the hub offers, from the offer to the
// commit, and does no I/O.
//
// A [Machine] is driven by two calls:
//
//	effects = machine.Step(now, input, effects[:0]) // an event; carry out the effects, in order
//	machine.Deadline()                              // call Step at this time at the latest
//
// A Step with the zero input means that time has passed; an early or repeated one does nothing. The
// life of an update is the table in states.go:
//
//	decide -> prepare -> download and hash -> verify -> flip -> report completed -> reboot -> trial -> commit or revert
//
// A device implements [Applier], [Staging] and [Slots]; package firmwaretest has their contracts as
// tests. [Intake] takes the bytes of a download to an Applier; it has a [Verifier] for the bytes
// that come and a [Rehash] for those that an earlier try has left.
//
// # Order
//
// The effects of a step are carried out in order. DoPersist comes first: what it saves must be on
// disk before the next effect begins. When it cannot be saved and the effect has Must, the rest of
// the step is dropped and the answer is PersistFailed. Nothing flips before every byte is verified
// and the intent is on disk; after a crash the boot record shows whether the flip has happened.
//
// # Ownership
//
// A Machine belongs to one goroutine. Offers, metadata and journals are immutable once they were
// passed in or handed out.
//
// # Limits
//
// A journal has at most 4 MiB, an offer at most 65,536 part hashes (64 GiB), 16 reports wait for
// their confirmation, 8 firmwares that failed on trial are remembered. Of the size of a firmware,
// only its part hashes take memory.
//
// An Applier verifies the signatures of archives; this package verifies sizes and SHA-256.
package firmware
