package slotdev

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/hublink-go/hublink/firmware/slotdev/internal/ubootenv"
)

// ErrNoRecord means that no copy of the boot record is whole: it was never written, is elsewhere,
// or was destroyed.
var ErrNoRecord = errors.New(
	"no copy of the boot record is whole: check path, offset and size, and write it with fw_setenv or anew",
)

// record is the boot record on its storage.
type record struct {
	storage Storage
	at      []Location
}

// content is a boot record that was read, and what is needed to write the next one.
type content struct {
	env   *ubootenv.Env
	flags byte   // of the newest copy
	to    int    // the copy to write
	old   []byte // what is there; nil: not known
}

// load reads the copies. It fails with ErrNoRecord when none is whole.
func (r record) load() (content, error) {
	var errs []error
	var copies [2]content
	whole := make([]int, 0, 2)
	for i, l := range r.at {
		region, err := r.read(l)
		copies[i].old = region
		if err == nil {
			copies[i].env, copies[i].flags, err = ubootenv.Decode(region, len(r.at) == 2)
		}
		if err != nil {
			errs = append(
				errs,
				fmt.Errorf("copy %d of the boot record at %d of %s: %w", i+1, l.Offset, l.Path, err),
			)
			continue
		}
		whole = append(whole, i)
	}
	if len(whole) == 0 {
		return content{
			env:   &ubootenv.Env{},
			flags: 0xFF,
			old:   copies[0].old,
		}, fmt.Errorf(
			"%w: %w",
			ErrNoRecord,
			errors.Join(errs...),
		)
	}
	newest := whole[0]
	if len(whole) == 2 {
		newest = ubootenv.Newest(copies[0].flags, copies[1].flags)
	}
	to := len(r.at) - 1 - newest // the other one, or the only one
	return content{
		env:   copies[newest].env,
		flags: copies[newest].flags,
		to:    to,
		old:   copies[to].old,
	}, nil
}

func (r record) read(l Location) ([]byte, error) {
	f, err := r.storage.Open(l.Path, false)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readRegion(f, l)
}

func readRegion(f File, l Location) ([]byte, error) {
	region := make([]byte, l.Size)
	if n, err := f.ReadAt(region, l.Offset); n < len(region) {
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("it ends after %d of %d bytes", n, l.Size)
		}
		return nil, err
	}
	return region, nil
}

// fits reports whether env can be written.
func (r record) fits(env *ubootenv.Env) error {
	_, err := env.Encode(int(r.at[0].Size), 0, len(r.at) == 2)
	return err
}

// store writes env over the older copy and returns when it is there to stay.
func (r record) store(c content, env *ubootenv.Env) error {
	l := r.at[c.to]
	region, err := env.Encode(int(l.Size), c.flags+1, len(r.at) == 2)
	if err != nil {
		return fmt.Errorf("write the boot record: %w", err)
	}
	if err := r.write(l, c.old, region); err != nil {
		return fmt.Errorf("write the boot record at %d of %s: %w", l.Offset, l.Path, err)
	}
	return nil
}

func (r record) write(l Location, old, region []byte) error {
	f, err := r.storage.Open(l.Path, true)
	if err != nil {
		return err
	}
	defer f.Close()
	from, to := changed(old, region)
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
		return errors.New("what was read back is not what was written: the medium is failing")
	}
	return nil
}

// changed is the part of region that differs from old: what is not written cannot be torn.
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
