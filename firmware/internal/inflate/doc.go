// Package inflate decompresses deflate streams (RFC 1951) in the pieces in which zlib does.
//
//	d := inflate.New()
//	n, out, err := d.Step(input) // n bytes of input are used up, out is valid until the next Step
//
// [Decoder.Step] decodes what can be decoded from the bytes that it is given, at most 256 KiB of
// output, as zlib's inflate does. Where a piece ends decides about bytes that fwup leaves behind
// the end of files on FAT file systems, which the standard library's decompressor cannot tell. It
// is some 1.5 times as fast, too.
//
// The end of the stream is exact: no byte behind it is used up. Memory is about 340 KiB. A Decoder
// belongs to one goroutine.
package inflate
