package uboot

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/hublink-go/hublink/firmware/internal/ubootenv"
)

// Storage opens the files and devices that a Store names, as slotdev.Storage does.
type Storage interface {
	Open(path string, write bool) (File, error)
	Claim(path string, size int64) (File, error)
}

// File is an open file or block device.
type File = interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
	Size() (int64, error)
}

// Location is one copy of the environment.
type Location struct {
	Path   string // file or block device
	Offset int64  // bytes
	Size   int64  // bytes, header included
}

// Validate reports everything that is wrong with the locations of an environment, as far as that
// shows without looking at files.
func Validate(at []Location) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if n := len(at); n != 1 && n != 2 {
		bad("the boot record has %d copies: give one or two", n)
	}
	for i, l := range at {
		if l.Path == "" || l.Offset < 0 || l.Size < ubootenv.MinSize || l.Size > ubootenv.MaxSize {
			bad("copy %d of the boot record: it needs a path, an offset that is not negative, "+
				"and a size of %d to %d bytes", i+1, ubootenv.MinSize, ubootenv.MaxSize)
		}
	}
	if len(at) == 2 {
		switch a, b := at[0], at[1]; {
		case a.Size != b.Size:
			bad("the copies of the boot record have %d and %d bytes: they have to be equally long",
				a.Size, b.Size)
		case filepath.Clean(a.Path) == filepath.Clean(b.Path) && Overlap(a, b):
			bad("the copies of the boot record overlap, at %d and %d of %s", a.Offset, b.Offset, a.Path)
		}
	}
	return errors.Join(errs...)
}

// Overlap reports whether a and b share bytes, if their paths name the same thing.
func Overlap(a, b Location) bool { return a.Offset < b.Offset+b.Size && b.Offset < a.Offset+a.Size }
