package slotdev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// osStorage is the files and block devices of this machine.
type osStorage struct{}

func (osStorage) Open(path string, write bool) (File, error) {
	flag := os.O_RDONLY
	if write {
		flag = os.O_RDWR
	}
	return openFile(path, flag)
}

func (s osStorage) Claim(path string, size int64) (File, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && size > 0:
		return s.create(path, size)
	case err != nil:
		return nil, err
	case info.Mode().IsRegular():
		f, err := openFile(path, os.O_RDWR)
		if err != nil {
			return nil, err
		}
		return f.closeUnless(f.reserve(max(size, info.Size()), info.Size()))
	}
	// O_EXCL: the kernel refuses a block device that is mounted.
	f, err := openFile(path, os.O_RDWR|os.O_EXCL)
	if errors.Is(err, unix.EBUSY) {
		return nil, fmt.Errorf("%w: it is mounted or otherwise in use; "+
			"is the boot record wrong about which slot is running?", err)
	}
	if err != nil {
		return nil, err
	}
	have, err := f.Size()
	if err == nil && have < size {
		err = fmt.Errorf("%s is too short: it has %d bytes, the configuration says %d", path, have, size)
	}
	return f.closeUnless(err)
}

// create makes a file of size bytes. It leaves no file behind when it fails.
func (osStorage) create(path string, size int64) (File, error) {
	f, err := openFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	if err = f.reserve(size, 0); err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		_ = os.Remove(path)
	}
	return f.closeUnless(err)
}

func (osStorage) Same(a, b string) (bool, error) {
	ia, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	ib, err := os.Stat(b)
	if err != nil {
		return false, err
	}
	sa, oka := ia.Sys().(*unixStat)
	sb, okb := ib.Sys().(*unixStat)
	if oka && okb && isBlock(ia) && isBlock(ib) && sa.Rdev == sb.Rdev {
		return true, nil // two nodes of one device
	}
	return os.SameFile(ia, ib), nil
}

func isBlock(i fs.FileInfo) bool {
	return i.Mode()&(fs.ModeDevice|fs.ModeCharDevice) == fs.ModeDevice
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
