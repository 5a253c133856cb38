// Package ubootenv decodes and encodes the bytes of U-Boot environments.
//
//	env, flags, err := ubootenv.Decode(region, redundant) // one copy
//	region, err := env.Encode(size, flags, redundant)
//
// A copy is a CRC-32 (4 bytes, little-endian, of everything behind the header), in a redundant
// environment a byte of flags that the CRC does not cover, then entries "key=value" with a NUL
// behind each and one more at the end, then 0xFF up to the size of the copy. Of two consistent
// copies, [Newest] returns the one that counts.
//
// Entries that are not set keep their bytes and their place. An Env belongs to one goroutine.
package ubootenv
