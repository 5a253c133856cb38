// Package vcdiff applies and makes deltas in the VCDIFF format (RFC 3284), as xdelta3 makes them
// without secondary compression.
//
//	r := vcdiff.NewReader(delta, source, vcdiff.Options{})
//	n, err := io.Copy(target, r)
//
//	err := vcdiff.Encode(delta, source, target, vcdiff.EncoderOptions{})
//
// A [Reader] decodes one window at a time. It needs the bytes of a window of the target and of its
// instructions, bounded by Options.MaxWindow, and reads the source where the delta refers to it. It
// checks the Adler-32 of each window, an extension of xdelta3, so that a delta for another source
// ends in [ErrMismatch] before a byte of that window is returned. The checksum is no proof of
// authenticity, so the caller hashes the result.
//
// # Limits
//
// A Reader refuses, with [ErrUnsupported], secondary compression, code tables of the delta's own,
// and windows that copy from earlier windows of the target (VCD_TARGET), which xdelta3 never makes.
// [Encode] looks for matches in the source only; its deltas are larger than those of xdelta3.
package vcdiff
