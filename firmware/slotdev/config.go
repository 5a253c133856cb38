package slotdev

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/slotdev/bootrecord"
	"github.com/hublink-go/hublink/firmware/slotdev/internal/uboot"
)

// Config names the slots and their boot record.
type Config struct {
	// slots: files or block devices, symbolic links to them included. Both empty: the slots belong to
	// an applier of archives, and this device only keeps the boot record
	A, B string
	// bytes of a slot; files that are missing or shorter are made that long. 0: as long as they are
	Size int64
	// one copy of a U-Boot environment, or better two; empty with Record
	Env []Location
	// the boot record of another boot loader; nil: the U-Boot environment in Env
	Record   bootrecord.Store
	Metadata firmware.Metadata // keys of the running firmware that the boot record does not have
	BootID   string            // differs from boot to boot; empty: the kernel's
	Storage  Storage           // nil: the files and devices of this machine
}

// Location is one copy of the boot record.
type Location struct {
	Path   string // file or block device
	Offset int64  // bytes
	Size   int64  // bytes, header included: 16 to 1 MiB, the same for both copies
}

// Validate reports everything that is wrong with the config, as far as that shows without looking
// at files.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if (c.A == "") != (c.B == "") {
		bad("slots A %q and B %q: both need a path", c.A, c.B)
	} else if c.A != "" && filepath.Clean(c.A) == filepath.Clean(c.B) {
		bad("slots A and B are the same, %s: an update would overwrite the running firmware", c.A)
	}
	if c.Size < 0 {
		bad("slot size %d: it is negative", c.Size)
	}
	switch {
	case c.Record == nil:
		errs = append(errs, uboot.Validate(c.locations()))
	case len(c.Env) > 0:
		bad("there are two boot records: give a U-Boot environment or another one")
	}
	return errors.Join(errs...)
}

func (c *Config) locations() []uboot.Location {
	at := make([]uboot.Location, len(c.Env))
	for i, l := range c.Env {
		at[i] = uboot.Location(l)
	}
	return at
}

// open fills in the values that are not given, and refuses one thing under two names.
func (c *Config) open() error {
	if err := c.Validate(); err != nil {
		return err
	}
	if c.Storage == nil {
		c.Storage = osStorage{}
	}
	if err := c.distinct(); err != nil {
		return err
	}
	if c.Record == nil {
		if err := c.apart(); err != nil {
			return err
		}
		c.Record = uboot.Store{Storage: c.Storage, At: c.locations()}
		c.Env = nil
	}
	for _, path := range c.Record.Paths() {
		for _, slot := range [...]string{c.A, c.B} {
			if slot == "" {
				continue
			}
			if same, err := c.same(path, slot); err != nil {
				return err
			} else if same {
				return fmt.Errorf("the boot record in %s is inside of the slot %s: "+
					"an update would overwrite it", path, slot)
			}
		}
	}
	return nil
}

// distinct refuses two slots that are one.
func (c *Config) distinct() error {
	if c.A == "" {
		return nil
	}
	same, err := c.same(c.A, c.B)
	if err == nil && same {
		err = fmt.Errorf("the slots %s and %s are the same: "+
			"an update would overwrite the running firmware", c.A, c.B)
	}
	return err
}

// apart refuses copies of the boot record that overlap under two names.
func (c *Config) apart() error {
	at := c.locations()
	if len(at) < 2 || !uboot.Overlap(at[0], at[1]) {
		return nil
	}
	same, err := c.same(at[0].Path, at[1].Path)
	if err == nil && same {
		err = fmt.Errorf("the copies of the boot record overlap: %s and %s are the same",
			at[0].Path, at[1].Path)
	}
	return err
}

// same is Storage.Same, except that a missing file is the same as no other.
func (c *Config) same(a, b string) (bool, error) {
	same, err := c.Storage.Same(a, b)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("compare %s and %s: %w", a, b, err)
	}
	return same, nil
}

// slot returns the path of slot name.
func (c *Config) slot(name string) string {
	if name == "a" {
		return c.A
	}
	return c.B
}

// capacity returns how many bytes slot name takes, or 0 if it belongs to an applier of archives.
func (c *Config) capacity(name string) (int64, error) {
	if c.slot(name) == "" {
		return 0, nil
	}
	f, err := c.Storage.Open(c.slot(name), false)
	switch {
	case errors.Is(err, fs.ErrNotExist) && c.Size > 0:
		return c.Size, nil
	case errors.Is(err, fs.ErrNotExist):
		return 0, fmt.Errorf("slot %s: %w: create it, or configure its size", name, err)
	case err != nil:
		return 0, fmt.Errorf("slot %s: %w", name, err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return 0, fmt.Errorf("size of slot %s: %w", name, err)
	}
	if size = max(size, c.Size); size == 0 {
		return 0, fmt.Errorf("slot %s, %s, is empty: make it as large as a firmware, "+
			"or configure its size", name, c.slot(name))
	}
	return size, nil
}
