// Package firmware decides what happens to a firmware that the hub offers, from the offer to the
// commit, and does no I/O.
//
// A [Machine] is driven by two calls:
//
//	effects = machine.Step(now, input, effects[:0]) // something happened; do what it says, in order
//	machine.Deadline()                              // call Step at this time at the latest
//
// A Step with the zero input means that time has passed; one that comes early or twice does
// nothing. The whole life of an update is the table in states.go:
//
//	decide -> prepare -> download and hash -> verify -> flip -> report completed -> reboot -> trial -> commit, or back
//
// [Applier], [Staging] and [Slots] are what somebody else implements for a kind of device; package
// firmwaretest has their contracts as tests. [Verifier] hashes what is written, and [Rehash] what a
// slot holds already.
//
// # Order
//
// The effects of a step are carried out in order. DoPersist comes first: what it saves must be on
// disk before the next effect is begun. When it cannot be saved and the effect says Must, the rest
// of the step is dropped and the answer is PersistFailed. Nothing is flipped before every byte was
// hashed and the intent is on disk; after a crash the boot record says whether the flip happened.
//
// # Ownership
//
// A Machine belongs to one goroutine. Offers, metadata and journals are immutable once they were
// passed in or handed out.
//
// # Limits
//
// A journal has at most 4 MiB, an offer at most 65,536 part hashes (64 GiB), 16 reports wait for
// their confirmation, 8 firmwares that failed on trial are remembered. The memory of an update does
// not depend on the size of the firmware but for its part hashes.
//
// Signatures of archives are the business of an Applier: this package knows bytes, sizes and
// SHA-256.
package firmware
