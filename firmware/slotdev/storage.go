package slotdev

import "io"

// Storage opens the files and devices that a Config names. firmwaretest.Disk is a Storage that
// loses its power.
type Storage interface {
	// Open opens what path names. It fails with fs.ErrNotExist when that is missing.
	Open(path string, write bool) (File, error)
	// Claim opens a slot for writing, exclusively. It first makes a file that is missing or shorter
	// size bytes long, durably and with its space reserved. It fails when the slot is in use, and for
	// a device that is shorter than size.
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
	Sync() error          // makes everything that was written survive a power loss
	Size() (int64, error) // bytes
}
