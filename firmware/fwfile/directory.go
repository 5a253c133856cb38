package fwfile

import (
	"encoding/binary"
	"errors"
	"io"
)

// finish reads from the central directory, whose first signature has been read, to the end of the
// archive. The directory has to list the entries that were read and no others: programs that read
// it would otherwise see another archive than this package verified.
func (r *Reader) finish(sig uint32) error {
	start := r.src.offset - 4
	listed := map[int64]bool{}
	for sig == sigCentral {
		if err := r.record(listed); err != nil {
			return err
		}
		var err error
		if sig, err = r.signature(); err != nil {
			return err
		}
	}
	if len(listed) != len(r.read) {
		return fault("", ErrUncovered, "the central directory lists %d entries, and there are %d",
			len(listed), len(r.read))
	}
	return r.end(sig, directory{start: start, size: r.src.offset - 4 - start})
}

// signature reads the signature of the next record.
func (r *Reader) signature() (uint32, error) {
	var b [4]byte
	if err := r.src.full(b[:]); err != nil {
		return 0, &Error{Err: err}
	}
	return binary.LittleEndian.Uint32(b[:]), nil
}

// record reads one record of the central directory and compares it with the entry that was read.
func (r *Reader) record(listed map[int64]bool) error {
	var b [42]byte
	if err := r.src.full(b[:]); err != nil {
		return &Error{Err: err}
	}
	name, extra, err := r.src.nameAndExtra(
		binary.LittleEndian.Uint16(b[24:]), binary.LittleEndian.Uint16(b[26:]))
	if err != nil {
		return &Error{Err: err}
	}
	if binary.LittleEndian.Uint16(b[28:]) != 0 {
		return fault(name, ErrUncovered, "its record in the central directory has a comment")
	}
	size, packed, offset, _, ok := sizes(binary.LittleEndian.Uint32(b[20:]),
		binary.LittleEndian.Uint32(b[16:]), binary.LittleEndian.Uint32(b[38:]), extra)
	h, found := r.read[offset]
	if !ok || !found || listed[offset] || h.name != name || h.size != size || h.packed != packed ||
		h.crc != binary.LittleEndian.Uint32(b[12:]) ||
		h.method != binary.LittleEndian.Uint16(b[6:]) {
		return fault(name, ErrUncovered, "the central directory describes another entry than there is")
	}
	listed[offset] = true
	return nil
}

// directory is where the central directory lies.
type directory struct {
	start int64
	size  int64
}

// end reads the records behind the central directory, of which the first signature has been read.
// Behind them nothing may follow.
func (r *Reader) end(sig uint32, dir directory) error {
	big := sig == sigEnd64
	if big {
		if err := r.end64(dir); err != nil {
			return err
		}
		var err error
		if sig, err = r.signature(); err != nil {
			return err
		}
	}
	if sig != sigEnd {
		return fault("", ErrCorrupt, "the end record is missing")
	}
	var b [18]byte
	if err := r.src.full(b[:]); err != nil {
		return &Error{Err: err}
	}
	count := uint64(len(r.read))
	match := func(have uint64, filler uint64, want uint64) bool {
		return have == want || big && have == filler
	}
	u16, u32 := binary.LittleEndian.Uint16, binary.LittleEndian.Uint32
	if u32(b[0:]) != 0 || !match(uint64(u16(b[4:])), 1<<16-1, count) ||
		!match(uint64(u16(b[6:])), 1<<16-1, count) ||
		!match(uint64(u32(b[8:])), filler32, uint64(dir.size)) ||
		!match(uint64(u32(b[12:])), filler32, uint64(dir.start)) {
		return fault("", ErrCorrupt, "the end record does not match the central directory")
	}
	if u16(b[16:]) != 0 {
		return fault("", ErrUncovered, "an archive comment")
	}
	switch _, err := r.src.next(); {
	case err == nil:
		return fault("", ErrUncovered, "bytes behind the end")
	case errors.Is(err, io.EOF):
		return nil
	default:
		return &Error{Err: err}
	}
}

// end64 reads the end record with 64 bits and its locator (APPNOTE 4.3.14, 4.3.15).
func (r *Reader) end64(dir directory) error {
	at := r.src.offset - 4
	var b [52 + 20]byte
	if err := r.src.full(b[:]); err != nil {
		return &Error{Err: err}
	}
	u32, u64 := binary.LittleEndian.Uint32, binary.LittleEndian.Uint64
	count := uint64(len(r.read))
	if u64(b[0:]) != 44 || u64(b[12:]) != 0 || u64(b[20:]) != count || u64(b[28:]) != count ||
		u64(b[36:]) != uint64(dir.size) || u64(b[44:]) != uint64(dir.start) ||
		u32(b[52:]) != sigLocator64 || u32(b[56:]) != 0 || u64(b[60:]) != uint64(at) ||
		u32(b[68:]) != 1 {
		return fault("", ErrCorrupt, "the end record does not match the central directory")
	}
	return nil
}
