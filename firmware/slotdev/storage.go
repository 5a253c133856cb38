package slotdev

import "io"

// Storage opens what a Config names. firmwaretest.Disk is one that loses its power.
type Storage interface {
	// Open opens what is there. It fails with fs.ErrNotExist when nothing is.
	Open(path string, write bool) (File, error)
	// Claim opens a slot for writing, for nobody else. A file that is missing or shorter is first made
	// size bytes long, durably and with its space reserved. It fails when the slot is in use, or is no
	// file and shorter than size.
	Claim(path string, size int64) (File, error)
	// Same reports whether two paths are the same file or device. It fails with fs.ErrNotExist when
	// one of them does not exist.
	Same(a, b string) (bool, error)
}

// File is an open file or block device. It is an alias, so that a Storage can be written without
// importing this package.
type File = interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error          // all that was written survives a power loss
	Size() (int64, error) // bytes
}
