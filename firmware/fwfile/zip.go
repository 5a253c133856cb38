package fwfile

import (
	"encoding/binary"
	"errors"
	"io"
)

// Signatures of the records of a ZIP file (APPNOTE 4.3).
const (
	sigLocal      = 0x04034b50
	sigDescriptor = 0x08074b50
	sigCentral    = 0x02014b50
	sigEnd64      = 0x06064b50
	sigLocator64  = 0x07064b50
	sigEnd        = 0x06054b50
)

// Flags and methods that an entry may have. Flags 1 and 2 say how well deflate compressed, flag 11
// that the name is UTF-8.
const (
	flagDescriptor = 1 << 3
	flagsKnown     = 1<<1 | 1<<2 | flagDescriptor | 1<<11

	methodStored  = 0
	methodDeflate = 8
)

// maxName bounds the length of an entry's name.
const maxName = 512

// maxExtra bounds the extra fields of an entry and of its record in the central directory.
const maxExtra = 1024

// maxEntries bounds how many entries an archive may have. meta.conf has no room for more.
const maxEntries = 2048

// extra64 is the extra field with sizes of 64 bits (APPNOTE 4.5.3).
const extra64 = 0x0001

const filler32 = 1<<32 - 1 // a size or offset that stands in the extra field

// readSize is how much is read at a time, from the beginning of the archive on. Where these reads
// end decides in which pieces data are inflated, so it is fwup's.
const readSize = 16 << 10

// source reads the archive and knows how many bytes were taken from it.
type source struct {
	in       io.Reader
	buf      []byte
	pos, end int
	offset   int64 // of the next byte
}

// next returns bytes that were read and not taken, at least one. take takes them.
func (s *source) next() ([]byte, error) {
	if s.pos == s.end {
		if s.buf == nil {
			s.buf = make([]byte, readSize)
		}
		n, err := io.ReadFull(s.in, s.buf)
		s.pos, s.end = 0, n
		if n == 0 {
			return nil, err
		}
	}
	return s.buf[s.pos:s.end], nil
}

func (s *source) take(n int) {
	s.pos += n
	s.offset += int64(n)
}

func (s *source) Read(p []byte) (int, error) {
	b, err := s.next()
	n := copy(p, b)
	s.take(n)
	return n, err
}

// full reads len(p) bytes. The end of the archive is ErrTruncated.
func (s *source) full(p []byte) error {
	_, err := io.ReadFull(s, p)
	return ended(err)
}

// ended turns the end of the stream into ErrTruncated and leaves other errors as they are.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return err
}

// header is the local header of an entry.
type header struct {
	name   string
	flags  uint16
	method uint16
	crc    uint32
	packed int64 // compressed size
	size   int64
	big    bool  // sizes have 64 bits
	offset int64 // of the header
}

// descriptor reports whether sizes and checksum follow the data. Sizes in the header are then 0
// or right: fwup fills in the uncompressed one.
func (h *header) descriptor() bool { return h.flags&flagDescriptor != 0 }

// local reads the local header whose signature has been read.
func (s *source) local() (header, error) {
	h := header{offset: s.offset - 4}
	var b [26]byte
	if err := s.full(b[:]); err != nil {
		return h, &Error{Err: err}
	}
	h.flags = binary.LittleEndian.Uint16(b[2:])
	h.method = binary.LittleEndian.Uint16(b[4:])
	h.crc = binary.LittleEndian.Uint32(b[10:])
	packed, size := binary.LittleEndian.Uint32(b[14:]), binary.LittleEndian.Uint32(b[18:])
	name, extra, err := s.nameAndExtra(
		binary.LittleEndian.Uint16(b[22:]), binary.LittleEndian.Uint16(b[24:]))
	h.name = name
	if err != nil {
		return h, &Error{Entry: name, Err: err}
	}
	if h.flags&^flagsKnown != 0 {
		return h, fault(name, ErrUnsupported, "encrypted, or flags 0x%x", h.flags)
	}
	if h.method != methodStored && h.method != methodDeflate {
		return h, fault(name, ErrUnsupported, "compression method %d", h.method)
	}
	var ok bool
	if h.size, h.packed, _, h.big, ok = sizes(size, packed, 0, extra); !ok {
		return h, fault(name, ErrCorrupt, "its sizes are missing")
	}
	if h.method == methodStored && h.packed != h.size {
		return h, fault(name, ErrCorrupt, "stored, with two sizes: %d and %d", h.packed, h.size)
	}
	return h, nil
}

func (s *source) nameAndExtra(name, extra uint16) (string, []byte, error) {
	if name == 0 || name > maxName || extra > maxExtra {
		return "", nil, fault("", ErrUnsupported,
			"an entry with a name of %d bytes and %d bytes of extra fields", name, extra)
	}
	b := make([]byte, int(name)+int(extra))
	if err := s.full(b); err != nil {
		return "", nil, err
	}
	return string(b[:name]), b[name:], nil
}

// sizes completes sizes and offset of 32 bits from the extra field. big is whether there is one,
// ok false that a value is missing.
func sizes(size, packed, offset uint32, extra []byte) (n, p, o int64, big, ok bool) {
	field := extraField(extra, extra64)
	big = field != nil
	take := func(v uint32) int64 {
		if v != filler32 {
			return int64(v)
		}
		if len(field) < 8 {
			return -1
		}
		w := binary.LittleEndian.Uint64(field)
		field = field[8:]
		if w > 1<<62 {
			return -1
		}
		return int64(w)
	}
	n, p, o = take(size), take(packed), take(offset)
	return n, p, o, big, n >= 0 && p >= 0 && o >= 0
}

// extraField returns the extra field with that ID, or nil.
func extraField(extra []byte, id uint16) []byte {
	for len(extra) >= 4 {
		n := int(binary.LittleEndian.Uint16(extra[2:]))
		if n > len(extra)-4 {
			return nil
		}
		if binary.LittleEndian.Uint16(extra) == id {
			return extra[4 : 4+n : 4+n]
		}
		extra = extra[4+n:]
	}
	return nil
}

// trailer reads the data descriptor of an entry and fills in what the header left open.
func (s *source) trailer(h *header) error {
	var b [24]byte
	n := 16
	if h.big {
		n = 24
	}
	if err := s.full(b[:n]); err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(b[:]) != sigDescriptor {
		return ErrCorrupt
	}
	h.crc = binary.LittleEndian.Uint32(b[4:])
	var packed, size int64
	if h.big {
		packed = int64(binary.LittleEndian.Uint64(b[8:])) //nolint:gosec // compared, never used as a size
		size = int64(binary.LittleEndian.Uint64(b[16:]))  //nolint:gosec // compared, never used as a size
	} else {
		packed = int64(binary.LittleEndian.Uint32(b[8:]))
		size = int64(binary.LittleEndian.Uint32(b[12:]))
	}
	if h.packed != 0 && h.packed != packed || h.size != 0 && h.size != size {
		return ErrCorrupt
	}
	h.packed, h.size = packed, size
	return nil
}
