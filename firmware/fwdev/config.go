package fwdev

import (
	"errors"
	"fmt"
	"sync"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/firmware/fwup"
	"github.com/hublink-go/hublink/firmware/native"
)

// Mode says who applies archives.
type Mode uint8

const (
	// Auto lets package native apply what it can, and the program the rest.
	Auto Mode = iota
	// Native refuses what package native cannot do.
	Native
	// Program lets the fwup program apply everything.
	Program
)

// Config of an Applier.
type Config struct {
	// Disk is the block device or the file that archives are applied to. Its slots and its boot
	// record are where the tasks of the archives say.
	Disk string
	// Task is the beginning of the task's name; empty means upgrade.
	Task string
	// Keys returns whose archives are accepted, at the beginning of each update.
	Keys func() fwfile.Options
	// Slots is the boot record of the disk.
	Slots firmware.Slots
	// Mode says who applies; zero means Auto.
	Mode Mode
	// Fwup is the program. With Auto it is used where it is installed.
	Fwup fwup.Program
	// SpoolDir is a folder for what is held back behind a large archive's last resource; empty means
	// memory, and at most 64 MiB of it.
	SpoolDir string
	// InUse returns the ranges of the disk that a task must not write; nil means the partition of the
	// mounted root file system.
	InUse func(disk string) ([]Range, error)
	// OnArchive is called when an archive's signature was verified, before anything is written. An
	// error refuses the archive. It may be nil.
	OnArchive func(Archive) error
	// Info is called with what tasks tell people; nil drops it.
	Info func(text string)
	// Open opens the disk for package native; nil means the block device or the file of that path.
	Open func(path string) (Disk, error)
}

// Archive is what is known of an archive before it is applied.
type Archive struct {
	Meta   *fwfile.Meta
	Signer *fwfile.Key // nil: accepted without a verified signature
	Task   string      // the task that will run; a prefix if the program chooses it
	Native bool        // applied by package native
}

// Range is a range of bytes of a disk and what is there.
type Range struct {
	From, To int64
	What     string
}

// Applier installs archives. It implements firmware.Applier.
type Applier struct {
	cfg  Config
	mu   sync.Mutex
	open *stream // the one that was begun last; nil: none
}

// Disk is an open disk.
type Disk interface {
	native.Target
	Close() error
}

// New checks cfg and makes an applier. It opens nothing.
func New(cfg Config) (*Applier, error) {
	var errs []error
	if cfg.Disk == "" {
		errs = append(errs, errors.New("no Disk: give the block device or file to install to"))
	}
	if cfg.Keys == nil {
		errs = append(errs, errors.New("no Keys: give a function that returns the public keys"))
	}
	if cfg.Slots == nil {
		errs = append(errs, errors.New("no Slots: give the boot record"))
	}
	if cfg.Mode > Program {
		errs = append(errs, fmt.Errorf("no Mode has the number %d", cfg.Mode))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("firmware archives: %w", err)
	}
	if cfg.InUse == nil {
		cfg.InUse = rootPartition
	}
	if cfg.Open == nil {
		cfg.Open = openDisk
	}
	return &Applier{cfg: cfg}, nil
}
