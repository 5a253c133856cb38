package slotdev

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/slotdev/internal/ubootenv"
)

// Config says where slots and boot record are.
type Config struct {
	A, B string // slots: files or block devices, symbolic links to them included
	// bytes of a slot; files that are missing or shorter are made that long. 0: as long as they are
	Size     int64
	Env      []Location        // of the boot record: one copy, or better two
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

// Validate reports everything that is wrong with the config, as far as that can be said without
// looking at files.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.A == "" || c.B == "" {
		bad("slots A %q and B %q: both need a path", c.A, c.B)
	} else if filepath.Clean(c.A) == filepath.Clean(c.B) {
		bad("slots A and B are the same, %s: an update would overwrite the running firmware", c.A)
	}
	if c.Size < 0 {
		bad("slot size %d: it is negative", c.Size)
	}
	if n := len(c.Env); n != 1 && n != 2 {
		bad("the boot record has %d copies: give one or two", n)
	}
	for i, l := range c.Env {
		if l.Path == "" || l.Offset < 0 || l.Size < ubootenv.MinSize || l.Size > ubootenv.MaxSize {
			bad(
				"copy %d of the boot record: it needs a path, an offset that is not negative, and a size of %d to %d bytes",
				i+1,
				ubootenv.MinSize,
				ubootenv.MaxSize,
			)
		}
	}
	if len(c.Env) == 2 {
		switch a, b := c.Env[0], c.Env[1]; {
		case a.Size != b.Size:
			bad(
				"the copies of the boot record have %d and %d bytes: they have to be equally long",
				a.Size,
				b.Size,
			)
		case filepath.Clean(a.Path) == filepath.Clean(b.Path) && overlap(a, b):
			bad("the copies of the boot record overlap, at %d and %d of %s", a.Offset, b.Offset, a.Path)
		}
	}
	return errors.Join(errs...)
}

func overlap(a, b Location) bool { return a.Offset < b.Offset+b.Size && b.Offset < a.Offset+a.Size }

// open fills in what is not given, and looks for one thing under two names.
func (c *Config) open() error {
	if err := c.Validate(); err != nil {
		return err
	}
	if c.Storage == nil {
		c.Storage = osStorage{}
	}
	if err := c.distinct(c.A, c.B); err != nil {
		return err
	}
	for _, l := range c.Env {
		for _, slot := range [...]string{c.A, c.B} {
			if same, err := c.same(l.Path, slot); err != nil {
				return err
			} else if same {
				return fmt.Errorf("the boot record in %s is inside of the slot %s: an update would overwrite it", l.Path, slot)
			}
		}
	}
	if len(c.Env) == 2 && overlap(c.Env[0], c.Env[1]) {
		if same, err := c.same(c.Env[0].Path, c.Env[1].Path); err != nil {
			return err
		} else if same {
			return fmt.Errorf("the copies of the boot record overlap: %s and %s are the same", c.Env[0].Path,
				c.Env[1].Path)
		}
	}
	return nil
}

// distinct refuses two slots that are one.
func (c *Config) distinct(a, b string) error {
	same, err := c.same(a, b)
	if err == nil && same {
		err = fmt.Errorf(
			"the slots %s and %s are the same: an update would overwrite the running firmware",
			a,
			b,
		)
	}
	return err
}

// same is Storage.Same, but that a thing that is missing is nothing else.
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

// slot is the path of slot name.
func (c *Config) slot(name string) string {
	if name == "a" {
		return c.A
	}
	return c.B
}

// capacity is how many bytes slot name takes.
func (c *Config) capacity(name string) (int64, error) {
	f, err := c.Storage.Open(c.slot(name), false)
	switch {
	case errors.Is(err, fs.ErrNotExist) && c.Size > 0:
		return c.Size, nil
	case errors.Is(err, fs.ErrNotExist):
		return 0, fmt.Errorf(
			"slot %s: %w: create it, or configure the size that it shall have",
			name,
			err,
		)
	case err != nil:
		return 0, fmt.Errorf("slot %s: %w", name, err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return 0, fmt.Errorf("size of slot %s: %w", name, err)
	}
	if size = max(size, c.Size); size == 0 {
		return 0, fmt.Errorf(
			"slot %s, %s, is empty: make it as large as a firmware, or configure the size that it shall have",
			name,
			c.slot(name),
		)
	}
	return size, nil
}
