package slotdev

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/slotdev/internal/ubootenv"
)

// Boot plays the boot loader for one start of the machine and returns the slot that boots, "a" or
// "b". A real one does the same with the same keys. No Device may be in use meanwhile.
func Boot(cfg Config) (slot string, err error) {
	if err := cfg.open(); err != nil {
		return "", fmt.Errorf("boot: %w", err)
	}
	r := record{storage: cfg.Storage, at: cfg.Env}
	c, err := r.load()
	if err != nil {
		return "", fmt.Errorf("boot: %w", err)
	}
	v, err := look(c.env.Clone(), "")
	if err != nil {
		return "", fmt.Errorf("boot: %w", err)
	}
	slot = v.boot()
	if !v.env.Equal(c.env) {
		err = r.store(c, v.env)
	}
	return slot, err
}

// boot counts a start on trial and goes back when there were too many. Like U-Boot it takes a limit
// of 0 for none.
func (v view) boot() (slot string) {
	v.env.Delete(keyPending)
	slot = v.next
	if s, _ := v.env.Get(keyUpgrade); s != "1" {
		return slot
	}
	count, limit := v.number(keyCount, 0)+1, v.number(keyLimit, defaultLimit)
	back := other(slot)
	if limit == 0 || count <= limit || v.meta(back) == nil {
		put(v.env, keyCount, strconv.FormatUint(count, 10))
		return slot
	}
	v.running = back
	v.activate(back, "", false)
	return back
}

func (v view) number(key string, standard uint64) uint64 {
	s, _ := v.env.Get(key)
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return standard
	}
	return n
}

// Create makes a device whose slot a runs, committed, with the description running and the bytes of
// image (nil: none), and whose slot b is empty. It makes the files that are missing. It fails with
// fs.ErrExist when there is a boot record.
func Create(cfg Config, running firmware.Metadata, image io.Reader) error {
	if err := cfg.open(); err != nil {
		return fmt.Errorf("create the slots: %w", err)
	}
	r := record{storage: cfg.Storage, at: cfg.Env}
	for _, l := range cfg.Env {
		if err := reserve(cfg.Storage, l.Path, l.Offset+l.Size); err != nil {
			return fmt.Errorf("create the boot record: %w", err)
		}
	}
	c, err := r.load()
	switch {
	case err == nil:
		return fmt.Errorf(
			"create the slots: %w: there is a boot record, and what it describes would be lost",
			fs.ErrExist,
		)
	case !errors.Is(err, ErrNoRecord):
		return fmt.Errorf("create the slots: %w", err)
	}
	if err := fill(cfg.Storage, cfg.A, cfg.Size, image); err != nil {
		return fmt.Errorf("create slot a: %w", err)
	}
	if err := fill(cfg.Storage, cfg.B, cfg.Size, nil); err != nil {
		return fmt.Errorf("create slot b: %w", err)
	}
	if err := cfg.distinct(cfg.A, cfg.B); err != nil {
		return fmt.Errorf("create the slots: %w", err)
	}
	v := view{env: &ubootenv.Env{}, running: "a", next: "a"}
	if err := describe(v.env, "a", firmware.Target{UUID: running["uuid"], Meta: running}); err != nil {
		return fmt.Errorf("create the slots: %w", err)
	}
	v.activate("a", "", false)
	put(v.env, "a."+keyValidated, "1")
	return r.store(c, v.env)
}

// reserve makes the file of a boot record, unless it is there.
func reserve(storage Storage, path string, size int64) error {
	if f, err := storage.Open(path, true); err == nil {
		have, err := f.Size()
		_ = f.Close()
		if err != nil || have >= size {
			return err
		}
	}
	f, err := storage.Claim(path, size)
	if err != nil {
		return err
	}
	return f.Close()
}

func fill(storage Storage, path string, size int64, image io.Reader) error {
	f, err := storage.Claim(path, size)
	if err != nil {
		return err
	}
	defer f.Close()
	if image == nil {
		return nil
	}
	limit, err := f.Size()
	if err != nil {
		return err
	}
	n, err := io.Copy(io.NewOffsetWriter(f, 0), io.LimitReader(image, limit))
	if err == nil && n == limit {
		if more, _ := io.ReadFull(image, make([]byte, 1)); more > 0 {
			return &firmware.TooLargeError{Size: n + 1, Capacity: limit}
		}
	}
	return errors.Join(err, f.Sync())
}
