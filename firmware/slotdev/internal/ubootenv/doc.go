// Package ubootenv reads and writes U-Boot environments: the bytes, not the place where they are.
//
//	env, flags, err := ubootenv.Decode(region, redundant) // one copy
//	region, err := env.Encode(size, flags, redundant)
//
// A copy is a CRC-32 (4 bytes, little-endian, of everything behind the header), in a redundant
// environment a byte of flags that the CRC does not cover, then entries "key=value" with a NUL
// behind each and one more at the end, then 0xFF up to the size of the copy. Of two copies that are
// whole, [Newest] counts.
//
// Entries that nobody sets stay byte for byte as they are, and where they are. An Env belongs to
// one goroutine.
package ubootenv
