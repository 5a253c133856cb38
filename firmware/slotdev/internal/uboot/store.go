package uboot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/hublink-go/hublink/firmware/internal/ubootenv"
	"github.com/hublink-go/hublink/firmware/slotdev/bootrecord"
)

// Store is a U-Boot environment as a bootrecord.Store.
type Store struct {
	Storage Storage
	At      []Location // valid according to Validate
}

var _ bootrecord.Store = Store{}

// Copies implements bootrecord.Store.
func (s Store) Copies() int { return len(s.At) }

// Paths implements bootrecord.Store.
func (s Store) Paths() []string {
	paths := make([]string, len(s.At))
	for i, l := range s.At {
		paths[i] = l.Path
	}
	return paths
}

// Load implements bootrecord.Store.
func (s Store) Load() (bootrecord.Record, error) {
	r, err := s.load()
	if err != nil {
		return nil, err
	}
	return r, nil
}

// load returns a record also with ErrNone: an empty one, to be written over the first copy.
func (s Store) load() (*record, error) {
	var errs []error
	var copies [2]record
	consistent := make([]int, 0, 2)
	for i, l := range s.At {
		region, err := s.read(l)
		copies[i] = record{store: s, to: i, old: region}
		if err == nil {
			copies[i].loaded, copies[i].flags, err = ubootenv.Decode(region, s.redundant())
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("copy %d of the boot record at %d of %s: %w", i+1, l.Offset,
				l.Path, err))
			continue
		}
		consistent = append(consistent, i)
	}
	if len(consistent) == 0 {
		r := &copies[0]
		r.loaded, r.env, r.flags = &ubootenv.Env{}, &ubootenv.Env{}, 0xFF
		return r, fmt.Errorf("%w: %w", bootrecord.ErrNone, errors.Join(errs...))
	}
	newest := consistent[0]
	if len(consistent) == 2 {
		newest = ubootenv.Newest(copies[0].flags, copies[1].flags)
	}
	r := &copies[newest]
	r.env = r.loaded.Clone()
	r.to = len(s.At) - 1 - newest // the other copy, or the only one
	r.old = copies[r.to].old
	return r, nil
}

// Create implements bootrecord.Store.
func (s Store) Create() (bootrecord.Record, error) {
	for _, l := range s.At {
		if err := s.reserve(l.Path, l.Offset+l.Size); err != nil {
			return nil, fmt.Errorf("create the boot record: %w", err)
		}
	}
	r, err := s.load()
	switch {
	case err == nil:
		return nil, fmt.Errorf("%w: there is a boot record, and what it describes would be lost",
			fs.ErrExist)
	case !errors.Is(err, bootrecord.ErrNone):
		return nil, err
	}
	return r, nil
}

// reserve makes the file at path size bytes long, unless it is that long or longer.
func (s Store) reserve(path string, size int64) error {
	if f, err := s.Storage.Open(path, true); err == nil {
		have, err := f.Size()
		_ = f.Close()
		if err != nil || have >= size {
			return err
		}
	}
	f, err := s.Storage.Claim(path, size)
	if err != nil {
		return err
	}
	return f.Close()
}

func (s Store) redundant() bool { return len(s.At) == 2 }

// read returns the bytes of one copy.
func (s Store) read(l Location) ([]byte, error) {
	f, err := s.Storage.Open(l.Path, false)
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
