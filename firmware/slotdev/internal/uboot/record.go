package uboot

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/hublink-go/hublink/firmware/internal/ubootenv"
	"github.com/hublink-go/hublink/firmware/slotdev/bootrecord"
)

// record is an environment that was loaded, and what the next Save needs.
type record struct {
	store  Store
	env    *ubootenv.Env
	loaded *ubootenv.Env // env as it was loaded
	flags  byte          // of the copy that was loaded
	to     int           // index of the copy to write
	old    []byte        // what that copy holds; nil: not known
}

// Get implements bootrecord.Record.
func (r *record) Get(key string) (string, bool) { return r.env.Get(key) }

// Put implements bootrecord.Record.
func (r *record) Put(key, value string) error {
	if err := r.env.Set(key, value); err != nil {
		return fmt.Errorf("%w: %w", bootrecord.ErrEntry, err)
	}
	return nil
}

// Keys implements bootrecord.Record.
func (r *record) Keys(prefix string) []string { return r.env.Keys(prefix) }

// Fits implements bootrecord.Record.
func (r *record) Fits() error {
	_, err := r.encode()
	return err
}

func (r *record) encode() ([]byte, error) {
	region, err := r.env.Encode(int(r.store.At[r.to].Size), r.flags+1, r.store.redundant())
	var full *ubootenv.FullError
	if errors.As(err, &full) {
		return nil, &bootrecord.FullError{Need: full.Need, Size: full.Size}
	}
	return region, err
}

// Save implements bootrecord.Record.
func (r *record) Save() error {
	if r.env.Equal(r.loaded) {
		return nil
	}
	region, err := r.encode()
	if err != nil {
		return fmt.Errorf("write the boot record: %w", err)
	}
	l := r.store.At[r.to]
	if err := r.write(l, region); err != nil {
		return fmt.Errorf("write the boot record at %d of %s: %w", l.Offset, l.Path, err)
	}
	return nil
}

// write writes the part of region that differs from the old one, syncs it and reads it back.
func (r *record) write(l Location, region []byte) error {
	f, err := r.store.Storage.Open(l.Path, true)
	if err != nil {
		return err
	}
	defer f.Close()
	from, to := changed(r.old, region)
	if _, err := f.WriteAt(region[from:to], l.Offset+int64(from)); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	back, err := readRegion(f, l)
	if err != nil {
		return fmt.Errorf("read it back: %w", err)
	}
	if !bytes.Equal(back, region) {
		return errors.New("the bytes that were read back differ from those that were written: " +
			"the medium is failing")
	}
	return nil
}

// changed returns the range of region that differs from old, because a part that is not written
// cannot be torn.
func changed(old, region []byte) (from, to int) {
	if len(old) != len(region) {
		return 0, len(region)
	}
	from, to = 0, len(region)
	for from < to && old[from] == region[from] {
		from++
	}
	for to > from && old[to-1] == region[to-1] {
		to--
	}
	return from, to
}
