package ubootenv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Sizes of a copy in bytes.
const (
	MinSize = 16
	MaxSize = 1 << 20
)

var (
	// ErrDamaged means that a copy is not consistent: it was never written, or torn.
	ErrDamaged = errors.New("the CRC of the U-Boot environment does not fit its content")
	// ErrSize means that a copy cannot have that size.
	ErrSize = fmt.Errorf("a U-Boot environment has %d to %d bytes", MinSize, MaxSize)
)

// FullError means that the entries do not fit.
type FullError struct {
	Need, Size int // bytes
}

// Error implements error.
func (e *FullError) Error() string {
	return fmt.Sprintf("the U-Boot environment takes %d bytes, its entries need %d", e.Size, e.Need)
}

func header(redundant bool) int {
	if redundant {
		return 5
	}
	return 4
}

// Decode reads one copy and returns its entries and flags. The flags are 0 unless the environment
// is redundant. It fails with ErrDamaged or ErrSize.
func Decode(region []byte, redundant bool) (*Env, byte, error) {
	if len(region) < MinSize || len(region) > MaxSize {
		return nil, 0, ErrSize
	}
	head, data := region[:header(redundant)], region[header(redundant):]
	if crc32.ChecksumIEEE(data) != binary.LittleEndian.Uint32(head) {
		return nil, 0, ErrDamaged
	}
	env, flags := &Env{}, byte(0)
	if redundant {
		flags = head[4]
	}
	for len(data) > 0 && data[0] != 0 {
		entry, rest, _ := bytes.Cut(data, []byte{0})
		env.entries = append(env.entries, string(entry))
		data = rest
	}
	return env, flags, nil
}

// Encode returns a copy of size bytes. It fails with *FullError or ErrSize.
func (e *Env) Encode(size int, flags byte, redundant bool) ([]byte, error) {
	if size < MinSize || size > MaxSize {
		return nil, ErrSize
	}
	need := header(redundant) + 1
	for _, entry := range e.entries {
		need += len(entry) + 1
	}
	if len(e.entries) == 0 {
		need++ // an empty environment also ends with two NULs
	}
	if need > size {
		return nil, &FullError{Need: need, Size: size}
	}
	region := make([]byte, header(redundant), size)
	for _, entry := range e.entries {
		region = append(append(region, entry...), 0)
	}
	if len(e.entries) == 0 {
		region = append(region, 0)
	}
	region = append(region, 0)
	region = append(region, bytes.Repeat([]byte{0xFF}, size-len(region))...)
	if redundant {
		region[4] = flags
	}
	return seal(region, redundant), nil
}

// seal writes the CRC of a copy into it.
func seal(region []byte, redundant bool) []byte {
	binary.LittleEndian.PutUint32(region, crc32.ChecksumIEEE(region[header(redundant):]))
	return region
}

// Newest returns which one of two consistent copies counts, 0 or 1: the one whose flags are ahead,
// counting modulo 256, or else the first.
func Newest(flags0, flags1 byte) int {
	if int8(flags1-flags0) > 0 { //nolint:gosec // the wrap-around is what counts
		return 1
	}
	return 0
}
