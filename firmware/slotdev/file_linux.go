package slotdev

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

type unixStat = syscall.Stat_t

// osFile is a file or block device whose bytes do not stay in the page cache.
type osFile struct{ *os.File }

func openFile(path string, flag int) (*osFile, error) {
	// O_NONBLOCK: opening a named pipe returns at once, and the check below refuses it.
	f, err := os.OpenFile(path, flag|unix.O_NONBLOCK, 0o644)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() && !isBlock(info) {
		err = fmt.Errorf("%s is neither a file nor a block device", path)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &osFile{f}, nil
}

func (f *osFile) closeUnless(err error) (File, error) {
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// Size returns the length of a file or the capacity of a device. It moves the position of the file,
// which no other method uses.
func (f *osFile) Size() (int64, error) { return f.Seek(0, io.SeekEnd) }

// Sync makes everything that was written survive a power loss and drops it from the page cache.
func (f *osFile) Sync() error {
	if err := f.File.Sync(); err != nil {
		return err
	}
	return f.control(func(fd uintptr) error {
		_ = unix.Fadvise(int(fd), 0, 0, unix.FADV_DONTNEED) // advice
		return nil
	})
}

// ReadAt reads without leaving the bytes in the page cache. The kernel keeps a piece that it read
// ahead until all of that piece is dropped, so ReadAt drops everything before the bytes too.
func (f *osFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	_ = f.control(func(fd uintptr) error { // advice
		return unix.Fadvise(int(fd), 0, off+int64(n), unix.FADV_DONTNEED)
	})
	return n, err
}

// reserve makes a file of old bytes size bytes long, with space for all of them. When it fails, the
// file keeps its old length.
func (f *osFile) reserve(size, old int64) error {
	err := f.control(func(fd uintptr) error {
		for {
			if err := unix.Fallocate(int(fd), 0, 0, size); !errors.Is(err, unix.EINTR) {
				return err
			}
		}
	})
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		err = nil // a file system without reservation
		if size > old {
			err = f.Truncate(size)
		}
	}
	if err != nil {
		_ = f.Truncate(old)
		return fmt.Errorf("reserve %d bytes for %s: %w", size, f.Name(), err)
	}
	if size > old {
		return f.File.Sync()
	}
	return nil
}

func (f *osFile) control(do func(fd uintptr) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = do(fd) }); err != nil {
		return err
	}
	return failed
}
