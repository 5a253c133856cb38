// Package golden is for tests that compare with files below testdata: recordings and vectors of the
// originals, which stay unchanged, and transcripts of our own cores, which `go test -update`
// rewrites.
//
// [Files] finds recordings and vectors, also those in the folder that HUBLINK_DATA names. [Play]
// plays transcripts. Only tests import it, those of pure packages too.
package golden
