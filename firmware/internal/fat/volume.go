package fat

import (
	"errors"
	"io/fs"
)

var (
	// ErrNotFAT means that there is no FAT filesystem at the first block of a volume.
	ErrNotFAT = errors.New("there is no FAT filesystem")
	// ErrDamaged means that the tables of a filesystem contradict each other.
	ErrDamaged = errors.New("the FAT filesystem is damaged")
	// ErrName means that a name cannot be that of a file.
	ErrName = errors.New("a FAT filesystem has no such names")
	// ErrFull means that the filesystem or its root directory has no room.
	ErrFull = errors.New("the FAT filesystem is full")
	// ErrNotExist means that a file or folder does not exist.
	ErrNotExist = fs.ErrNotExist
	// ErrExist means that a file or folder exists.
	ErrExist = fs.ErrExist
	// ErrDenied means that a file is read-only, that it is a folder, or that a folder is not empty.
	ErrDenied = errors.New("the file is read-only or a folder, or the folder is not empty")
)

// Volume is a FAT filesystem on a device. It reads the device at its first use.
type Volume struct {
	tree
	mounted bool
	open    *File // that Create returned last
}

// New makes a volume at block first of dev. It reads nothing.
func New(dev Device, first int64) *Volume { return &Volume{tree: onDisk(dev, first)} }

func onDisk(dev Device, first int64) tree {
	return tree{table{disk: disk{dev: dev, first: first}}}
}

// Unmount forgets what the volume learned from the device. The next method reads it again.
func (v *Volume) Unmount() { *v = Volume{tree: onDisk(v.dev, v.first)} }

// mount reads the boot sector, once.
func (v *Volume) mount() error {
	if v.mounted {
		return nil
	}
	v.window = window{}
	p, err := v.load(0)
	if err != nil {
		return err
	}
	if v.geometry, err = parse(p); err != nil {
		return err
	}
	v.space = space{free: ^uint32(0), last: ^uint32(0)}
	if v.kind == 32 && le.Uint16(p[48:]) == 1 {
		if p, err = v.load(1); err != nil {
			return err
		}
		v.space.info = true
		if le.Uint16(p[510:]) == 0xAA55 && le.Uint32(p) == 0x41615252 &&
			le.Uint32(p[484:]) == 0x61417272 {
			v.space.free, v.space.last = le.Uint32(p[488:]), le.Uint32(p[492:])
		}
	}
	v.mounted = true
	return nil
}

// start mounts the volume and ends the life of the file that Create returned last.
func (v *Volume) start() error {
	v.open = nil
	return v.mount()
}
