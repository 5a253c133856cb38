package slotdev

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/hublink-go/hublink/firmware"
)

// Boot plays the boot loader for one start of the machine and returns the slot that boots, "a" or
// "b". A real boot loader does the same with the same keys. No Device may be in use meanwhile.
func Boot(cfg Config) (slot string, err error) {
	if err := cfg.open(); err != nil {
		return "", fmt.Errorf("boot: %w", err)
	}
	r, err := cfg.Record.Load()
	if err != nil {
		return "", fmt.Errorf("boot: %w", err)
	}
	v, err := look(r, "")
	if err != nil {
		return "", fmt.Errorf("boot: %w", err)
	}
	slot = v.boot()
	return slot, r.Save()
}

// boot counts a start on trial and reverts beyond bootlimit. A limit of 0 means none, as in U-Boot.
func (v view) boot() (slot string) {
	put(v.record, keyPending, "")
	slot = v.next
	if s, _ := v.record.Get(keyUpgrade); s != "1" {
		return slot
	}
	count, limit := v.number(keyCount, 0)+1, v.number(keyLimit, defaultLimit)
	back := other(slot)
	if limit == 0 || count <= limit || v.meta(back) == nil {
		put(v.record, keyCount, strconv.FormatUint(count, 10))
		return slot
	}
	v.running = back
	v.activate(back, "", false)
	return back
}

// number returns the value of key, or standard when it is no number.
func (v view) number(key string, standard uint64) uint64 {
	s, _ := v.record.Get(key)
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return standard
	}
	return n
}

// Create makes a device whose slot a runs, committed, with the description running and the bytes of
// image, and whose slot b is empty. A nil image means no bytes. Create makes the files that are
// missing; without slots it makes the boot record only. It fails with fs.ErrExist when there is a
// boot record.
func Create(cfg Config, running firmware.Metadata, image io.Reader) error {
	if err := cfg.create(running, image); err != nil {
		return fmt.Errorf("create the slots: %w", err)
	}
	return nil
}

func (c *Config) create(running firmware.Metadata, image io.Reader) error {
	if err := c.open(); err != nil {
		return err
	}
	r, err := c.Record.Create()
	if err != nil {
		return err
	}
	if c.A != "" {
		if err := c.fillSlots(image); err != nil {
			return err
		}
	}
	v := view{record: r, running: "a", next: "a"}
	if err := describe(r, "a", firmware.Target{UUID: running["uuid"], Meta: running}); err != nil {
		return err
	}
	v.activate("a", "", false)
	put(r, "a."+keyValidated, "1")
	return r.Save()
}

// fillSlots makes both slots and writes image to slot a.
func (c *Config) fillSlots(image io.Reader) error {
	if err := fill(c.Storage, c.A, c.Size, image); err != nil {
		return fmt.Errorf("slot a: %w", err)
	}
	if err := fill(c.Storage, c.B, c.Size, nil); err != nil {
		return fmt.Errorf("slot b: %w", err)
	}
	return c.distinct()
}

// fill claims the slot at path and writes image to it.
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
