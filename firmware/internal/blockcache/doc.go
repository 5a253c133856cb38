// Package blockcache caches a block device in segments of 128 KiB, with bounded memory, and leaves
// the bytes on it that fwup 1.16 leaves.
//
//	c := blockcache.New(device, blockcache.Options{Size: size, Fixed: true})
//	n, err := c.WriteAt(block, offset) // stays in the cache until Flush
//	err = c.Flush()
//
// A segment that was changed in part is read, merged and written as a whole. [Cache.Trim] makes the
// segments of a range read as zeros; a later write to such a segment fills the rest of it with
// zeros, and a segment that is never written keeps its old bytes on the device.
// [Cache.WriteThrough] writes a segment as soon as all its blocks were written, for data that comes
// in order.
//
// # Order of writing
//
// The cache evicts segments without changes first, and Flush writes changed segments in the order
// of their last use. A change that decides what boots is therefore written last, as long as it is
// made last and the cache is larger than the segments that were changed before. [Cache.Discard]
// forgets all changes that were not written, for a run that failed.
//
// The package does not sync the device. A Cache belongs to one goroutine.
package blockcache
