package native

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"

	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/firmware/internal/ubootenv"
)

// errEnv means that no copy of a U-Boot environment is consistent.
var errEnv = errors.New("the U-Boot environment is damaged or was never written")

// environment is one U-Boot environment of the target. Changes are kept in memory, as fwup keeps
// them in its cache, and written in an order in which a power cut leaves either what was there
// before or what is there after all changes.
type environment struct {
	def    fwfile.Env
	copies [2][]byte // with the changes
	medium [2][]byte // as they are on the target
}

// openEnv reads an environment.
func openEnv(c io.ReaderAt, def fwfile.Env) (*environment, error) {
	e := &environment{def: def}
	for i := range e.places() {
		e.medium[i] = make([]byte, e.size())
		if _, err := c.ReadAt(e.medium[i], e.at(i)); err != nil {
			return nil, fmt.Errorf("read the U-Boot environment %q: %w", def.Name, err)
		}
		e.copies[i] = bytes.Clone(e.medium[i])
	}
	return e, nil
}

func (e *environment) size() int64 { return int64(e.def.Count) * blockSize } //nolint:gosec // <= 16 MiB

func (e *environment) places() int {
	if e.def.Redundant {
		return 2
	}
	return 1
}

func (e *environment) at(i int) int64 {
	if i == 1 {
		return int64(e.def.Second) * blockSize //nolint:gosec // fwfile bounds it
	}
	return int64(e.def.Offset) * blockSize //nolint:gosec // fwfile bounds it
}

// newest returns which of two sets of copies counts, -1 for none.
func (e *environment) newest(copies [2][]byte) int {
	if !e.def.Redundant {
		if _, err := decodeEnv(copies[0], false); err != nil {
			return -1
		}
		return 0
	}
	_, err0 := decodeEnv(copies[0], true)
	_, err1 := decodeEnv(copies[1], true)
	switch {
	case err0 != nil && err1 != nil:
		return -1
	case err0 != nil:
		return 1
	case err1 != nil:
		return 0
	default:
		return ubootenv.Newest(copies[0][4], copies[1][4])
	}
}

// vars returns the variables.
func (e *environment) vars() (map[string]string, error) {
	i := e.newest(e.copies)
	if i < 0 {
		return nil, fmt.Errorf("%q: %w; uboot_recover or uboot_clearenv write a new one",
			e.def.Name, errEnv)
	}
	return decodeEnv(e.copies[i], e.def.Redundant)
}

// store writes variables into the copy that does not count, as fwup does, which then counts.
func (e *environment) store(vars map[string]string) error {
	place, flags := 0, byte(0)
	if i := e.newest(e.copies); e.def.Redundant {
		place, flags = 1-i, e.copies[i][4]+1
	}
	b, err := encodeEnv(vars, e.size(), e.def.Redundant, flags)
	if err != nil {
		return fmt.Errorf("U-Boot environment %q: %w", e.def.Name, err)
	}
	e.copies[place] = b
	return nil
}

// clear writes an empty environment over all copies.
func (e *environment) clear() error {
	for i := range e.places() {
		b, err := encodeEnv(nil, e.size(), e.def.Redundant, 1)
		if err != nil {
			return err
		}
		e.copies[i] = b
	}
	return nil
}

// change reads the variables, lets f change them, and stores them.
func (e *environment) change(f func(vars map[string]string)) error {
	vars, err := e.vars()
	if err != nil {
		return err
	}
	f(vars)
	return e.store(vars)
}

// recover writes an empty environment where none is consistent.
func (e *environment) recover() error {
	if e.newest(e.copies) >= 0 {
		return nil
	}
	return e.clear()
}

// flush writes the changes. With two copies the one that counts on the medium stays as it is until
// the other one holds all changes and has been synced.
func (e *environment) flush(t Target) error {
	if !e.def.Redundant {
		return e.put(t, 0, e.copies[0])
	}
	last, counts := e.newest(e.copies), e.newest(e.medium)
	if last < 0 {
		last = 0
	}
	if last == counts && !bytes.Equal(e.copies[last], e.medium[last]) {
		vars, err := decodeEnv(e.copies[last], true)
		if err != nil {
			return err
		}
		b, err := encodeEnv(vars, e.size(), true, e.medium[counts][4]+1)
		if err != nil {
			return err
		}
		if err := e.put(t, 1-counts, b); err != nil {
			return err
		}
	}
	if err := e.put(t, last, e.copies[last]); err != nil {
		return err
	}
	return e.put(t, 1-last, e.copies[1-last])
}

// put writes one copy, unless it is there already, and syncs it.
func (e *environment) put(t Target, i int, b []byte) error {
	if bytes.Equal(b, e.medium[i]) {
		return nil
	}
	if _, err := t.WriteAt(b, e.at(i)); err != nil {
		return fmt.Errorf("write the U-Boot environment %q: %w", e.def.Name, err)
	}
	if err := t.Sync(); err != nil {
		return fmt.Errorf("sync the U-Boot environment %q: %w", e.def.Name, err)
	}
	e.medium[i] = bytes.Clone(b)
	return nil
}

// drop forgets the changes.
func (e *environment) drop() {
	for i := range e.places() {
		e.copies[i] = bytes.Clone(e.medium[i])
	}
}

// envHeader returns how many bytes stand before the variables: the CRC-32, and the flags of a
// redundant environment, which the CRC does not cover.
func envHeader(redundant bool) int {
	if redundant {
		return 5
	}
	return 4
}

// decodeEnv reads one copy as fwup does: the last of two equal names counts, values may be empty.
func decodeEnv(region []byte, redundant bool) (map[string]string, error) {
	head := envHeader(redundant)
	if len(region) <= head ||
		crc32.ChecksumIEEE(region[head:]) != binary.LittleEndian.Uint32(region) {
		return nil, errEnv
	}
	vars := map[string]string{}
	for data := region[head:]; len(data) > 0 && data[0] != 0; {
		entry, rest, ok := bytes.Cut(data, []byte{0})
		name, value, hasValue := bytes.Cut(entry, []byte{'='})
		if !ok || !hasValue || len(name) == 0 {
			return nil, errEnv
		}
		vars[string(name)] = string(value)
		data = rest
	}
	return vars, nil
}

// encodeEnv writes one copy as fwup does: sorted, with 0xff behind the variables.
func encodeEnv(vars map[string]string, size int64, redundant bool, flags byte) ([]byte, error) {
	head := envHeader(redundant)
	b := make([]byte, head, size)
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		b = append(b, name...)
		b = append(b, '=')
		b = append(b, vars[name]...)
		b = append(b, 0)
	}
	b = append(b, 0)
	if int64(len(b)) >= size {
		return nil, fmt.Errorf("it has %d bytes, and its variables need %d", size, len(b))
	}
	b = append(b, bytes.Repeat([]byte{0xff}, int(size)-len(b))...)
	if redundant {
		b[4] = flags
	}
	binary.LittleEndian.PutUint32(b, crc32.ChecksumIEEE(b[head:]))
	return b, nil
}
