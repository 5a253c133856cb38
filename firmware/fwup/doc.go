// Package fwup runs the fwup program, which applies .fw archives, and keeps it from doing so
// before the archive is verified.
//
// Two types carry it: a [Gate] reads an archive, verifies it and hands out its bytes as late as
// safety needs; a [Process] is one run of the program, which takes these bytes and reports.
//
// # Why a gate
//
// fwup flips to the new firmware when the archive ends and it has seen every resource that its
// task uses. A stream that is cut behind the last of them ends the archive, too: fwup then flips
// and exits with 0. Without a key it applies archives with a wrong signature, and it does not read
// what its task does not use. So the gate verifies by itself, with the rules of package fwfile:
//
//   - nothing is handed out before the signature of meta.conf was verified;
//   - the last bytes of each resource are handed out when its checksum and, unless it is a delta,
//     its hash were right;
//   - the last bytes of the resource that completes a task are held back until the whole archive
//     was verified and the caller releases them with [Gate.Tail], which is after it has persisted
//     that fwup may flip now. What follows these bytes in the archive is spooled.
//
// A run that is given up is killed, with its children, before its stdin is closed.
//
// # Protocol
//
// fwup --framing reads frames of a 4-byte big-endian length and as many bytes of the archive; a
// length of zero ends the archive. It writes frames of a length, 2 bytes of type, 2 bytes of code
// and text: PR with a percentage, WN, ER and OK (fwup, src/util.c).
package fwup
