// Package fwfile reads and writes fwup archives (.fw), the firmware files that NervesHub stores
// and serves. It reads an archive once, from a stream, in bounded memory, and accepts nothing that
// the signature of the archive does not cover.
//
// Most programs need two calls: [NewReader], which reads the signature and meta.conf and verifies
// them against the keys of [Options], and [Reader.Next], which goes from resource to resource.
// Between two calls of Next the Reader is an io.Reader of the resource's bytes. When Next returns
// io.EOF the whole archive has been read and checked: each resource against its length and
// BLAKE2b-256 hash, the end of the archive against what was read before it.
//
//	r, err := fwfile.NewReader(file, fwfile.Options{Keys: keys})
//	for {
//		e, err := r.Next() // io.EOF: the archive is complete and consistent
//		...
//		_, err = io.Copy(slot, r)
//	}
//
// # Format
//
// An archive is a ZIP file with the entries meta.conf.ed25519 (64 bytes, optional), meta.conf and
// the resources. A resource named x is the entry data/x, a resource named /x is the entry x.
// The Ed25519 signature (RFC 8032) covers the bytes of meta.conf, and meta.conf holds length and
// hash of each resource. [Meta] is what meta.conf says.
//
// # What it refuses
//
// fwup ignores entries that a task does not use, bytes behind the archive, and the end of a
// truncated archive. A Reader refuses all of them: entries that meta.conf does not name, an entry
// that comes twice, directories, a second meta.conf, a signature of another length than 64 bytes,
// a central directory that lists other entries than those that were read, an archive comment, and
// bytes behind the end. Resources that are missing are no error of the archive, because a delta
// archive of NervesHub leaves out what its tasks do not use; an applier has to compare
// [Reader.Seen] with what the task needs.
//
// A resource whose entry has another length than meta.conf says is a delta ([Entry.Delta]). Its
// hash covers the result, which only the applier knows: [Resource.NewHash] is for it.
//
// # Limits
//
// meta.conf has fewer than 50,000 bytes, names at most 512, nested sections at most 8 levels, and
// a Reader needs about 100 KiB of memory whatever the archive says. It starts no goroutine and
// opens no file. A Reader is for one goroutine.
package fwfile
