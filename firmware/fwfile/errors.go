package fwfile

import (
	"errors"
	"fmt"
)

// Errors of a Reader. Each is wrapped in a message that names the entry and says what to do.
var (
	// ErrNotArchive means that the bytes do not begin like a fwup archive.
	ErrNotArchive = errors.New("not a fwup archive")
	// ErrNoKeys means that there is no key to verify with and unsigned archives are not allowed.
	ErrNoKeys = errors.New("no public key to verify the archive with")
	// ErrUnsigned means that the archive has no signature.
	ErrUnsigned = errors.New("the archive is not signed")
	// ErrSignature means that no key of the device made the signature, or that meta.conf was changed
	// after it was signed.
	ErrSignature = errors.New("the signature does not match any key of this device")
	// ErrCorrupt means that bytes of the archive are damaged: a hash, a checksum or a length differs.
	ErrCorrupt = errors.New("the archive is damaged")
	// ErrTruncated means that the archive ends early.
	ErrTruncated = errors.New("the archive ends early")
	// ErrUncovered means that the archive holds something that its signature does not cover.
	ErrUncovered = errors.New("the archive holds bytes that nothing signs")
	// ErrMeta means that meta.conf cannot be understood.
	ErrMeta = errors.New("meta.conf is not valid")
	// ErrUnsupported means a valid archive that needs something that this package does not have.
	ErrUnsupported = errors.New("not supported")
)

// Error is an error of one entry of an archive.
type Error struct {
	Entry string // its name in the archive; empty for the archive itself
	Err   error
}

// Error returns the entry and what is wrong with it.
func (e *Error) Error() string {
	if e.Entry == "" {
		return "fwup archive: " + e.Err.Error()
	}
	return fmt.Sprintf("fwup archive: entry %q: %s", e.Entry, e.Err)
}

// Unwrap returns what is wrong with the entry.
func (e *Error) Unwrap() error { return e.Err }

// fault makes an *Error of a sentinel and a detail.
func fault(entry string, kind error, format string, args ...any) error {
	if format == "" {
		return &Error{Entry: entry, Err: kind}
	}
	return &Error{Entry: entry, Err: fmt.Errorf("%w: %s", kind, fmt.Sprintf(format, args...))}
}
