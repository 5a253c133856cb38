package vcdiff

import (
	"bufio"
	"errors"
	"fmt"
	"hash/adler32"
	"io"
)

var (
	// ErrCorrupt means that the bytes are no VCDIFF delta.
	ErrCorrupt = errors.New("the delta is damaged")
	// ErrUnsupported means that the delta uses a part of VCDIFF that a Reader does not have.
	ErrUnsupported = errors.New("the delta uses a part of VCDIFF that is not supported")
	// ErrMismatch means that the source is not the one that the delta was made for.
	ErrMismatch = errors.New("the delta does not fit the source")
)

// WindowError means that a window of the delta is larger than Options.MaxWindow.
type WindowError struct {
	Size, Max int64 // bytes
}

// Error implements error.
func (e *WindowError) Error() string {
	return fmt.Sprintf("the delta has a window of %d bytes, at most %d are allowed", e.Size, e.Max)
}

// Options of a Reader. The zero value fits deltas of xdelta3 with its default settings.
type Options struct {
	MaxWindow int64 // bytes of a window of the target; zero: 8 MiB
}

const (
	defaultWindow = 8 << 20
	pageSize      = 64 << 10
	maxAppHeader  = 64 << 10

	// Bits of the header's, a window's and a delta's indicator.
	hasCompressor = 0x01
	hasCodeTable  = 0x02
	hasAppHeader  = 0x04 // of xdelta3
	fromSource    = 0x01
	fromTarget    = 0x02
	hasAdler      = 0x04 // of xdelta3
)

// Reader returns the target of a delta.
type Reader struct {
	delta  *bufio.Reader
	source io.ReaderAt
	max    int64
	table  *[256][2]instruction
	begun  bool
	err    error // sticky
	left   []byte
	window window
	page   page
}

// NewReader makes a Reader of the target that delta makes of source. It reads nothing.
func NewReader(delta io.Reader, source io.ReaderAt, o Options) *Reader {
	if o.MaxWindow <= 0 {
		o.MaxWindow = defaultWindow
	}
	return &Reader{
		delta: bufio.NewReader(delta), source: source, max: o.MaxWindow, table: codeTable(),
		page: page{source: source},
	}
}

// Read implements io.Reader. It fails with ErrCorrupt, ErrUnsupported, ErrMismatch, *WindowError,
// or an error of the delta or the source. A delta that ends too early fails with
// io.ErrUnexpectedEOF.
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.left) == 0 && r.err == nil && len(p) > 0 {
		r.err = r.next()
	}
	if len(r.left) == 0 {
		return 0, r.err
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}

// next decodes the header, once, and a window. It returns io.EOF behind the last window.
func (r *Reader) next() error {
	if !r.begun {
		if err := r.header(); err != nil {
			return fmt.Errorf("delta: %w", early(err))
		}
		r.begun = true
	}
	indicator, err := r.delta.ReadByte()
	if err == io.EOF { //nolint:errorlint // of a bufio.Reader as it is
		return err
	}
	if err == nil {
		err = r.decode(indicator)
	}
	if err != nil {
		return fmt.Errorf("delta: %w", early(err))
	}
	r.left = r.window.target
	return nil
}

// early returns err, an end of the delta as an unexpected one.
func early(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// header reads the header (RFC 3284 section 4.1).
func (r *Reader) header() error {
	var head [5]byte
	if _, err := io.ReadFull(r.delta, head[:]); err != nil {
		return err
	}
	if [3]byte(head[:]) != [3]byte{0xD6, 0xC3, 0xC4} {
		return fmt.Errorf("%w: it does not begin as VCDIFF", ErrCorrupt)
	}
	indicator := head[4]
	switch {
	case head[3] != 0:
		return fmt.Errorf("%w: version %d", ErrUnsupported, head[3])
	case indicator&hasCompressor != 0:
		return fmt.Errorf("%w: secondary compression", ErrUnsupported)
	case indicator&hasCodeTable != 0:
		return fmt.Errorf("%w: a code table of its own", ErrUnsupported)
	case indicator&^hasAppHeader != 0:
		return fmt.Errorf("%w: header indicator %#x", ErrCorrupt, indicator)
	case indicator&hasAppHeader == 0:
		return nil
	}
	n, err := readNumber(r.delta)
	if err != nil {
		return err
	}
	if n > maxAppHeader {
		return fmt.Errorf("%w: an application header of %d bytes", ErrCorrupt, n)
	}
	_, err = r.delta.Discard(int(n))
	return err
}

// readNumber reads an integer (RFC 3284 section 2).
func readNumber(b io.ByteReader) (int64, error) {
	var n int64
	for range 9 {
		c, err := b.ReadByte()
		if err != nil {
			return 0, err
		}
		n = n<<7 | int64(c&0x7F)
		if c < 0x80 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%w: a number of more than 63 bits", ErrCorrupt)
}

// decode reads a window (RFC 3284 section 4.2) and builds its target.
func (r *Reader) decode(indicator byte) error {
	switch {
	case indicator&^(fromSource|fromTarget|hasAdler) != 0:
		return fmt.Errorf("%w: window indicator %#x", ErrCorrupt, indicator)
	case indicator&fromTarget != 0:
		return fmt.Errorf("%w: a window that copies from the target", ErrUnsupported)
	}
	w := &r.window
	w.sourceSize, w.sourceAt = 0, 0
	if indicator&fromSource != 0 {
		if err := r.numbers(&w.sourceSize, &w.sourceAt); err != nil {
			return err
		}
		if w.sourceAt > 1<<62 || w.sourceSize > 1<<62 {
			return fmt.Errorf("%w: its source has more than 62 bits", ErrCorrupt)
		}
	}
	sum, err := r.sections(indicator)
	if err != nil {
		return err
	}
	if err := w.build(r.table, &r.page); err != nil {
		return err
	}
	if indicator&hasAdler != 0 && adler32.Checksum(w.target) != sum {
		return fmt.Errorf("%w: the checksum of a window differs", ErrMismatch)
	}
	return nil
}

func (r *Reader) numbers(to ...*int64) error {
	for _, n := range to {
		var err error
		if *n, err = readNumber(r.delta); err != nil {
			return err
		}
	}
	return nil
}

// sections reads the sizes and the sections of a window and returns its checksum.
func (r *Reader) sections(indicator byte) (sum uint32, err error) {
	var length, size, data, instructions, addresses int64
	if err := r.numbers(&length, &size); err != nil {
		return 0, err
	}
	compressed, err := r.delta.ReadByte()
	if err == nil {
		err = r.numbers(&data, &instructions, &addresses)
	}
	switch {
	case err != nil:
		return 0, err
	case compressed != 0:
		return 0, fmt.Errorf("%w: secondary compression", ErrUnsupported)
	case size > r.max:
		return 0, &WindowError{Size: size, Max: r.max}
	case data > size || instructions > 2*r.max || addresses > 2*r.max,
		length < data || length < instructions || length < addresses:
		return 0, fmt.Errorf("%w: sections of %d, %d and %d bytes for a window of %d", ErrCorrupt, data,
			instructions, addresses, size)
	}
	if indicator&hasAdler != 0 {
		var p [4]byte
		if _, err := io.ReadFull(r.delta, p[:]); err != nil {
			return 0, err
		}
		sum = uint32(p[0])<<24 | uint32(p[1])<<16 | uint32(p[2])<<8 | uint32(p[3])
	}
	w := &r.window
	w.size = int(size)
	for _, s := range [...]struct {
		to *[]byte
		n  int64
	}{{&w.data, data}, {&w.instructions, instructions}, {&w.addresses, addresses}} {
		if *s.to, err = readSection(r.delta, *s.to, s.n); err != nil {
			return 0, err
		}
	}
	return sum, nil
}

// readSection reads n bytes into buf, which grows as they arrive: a size alone takes no memory.
func readSection(r io.Reader, buf []byte, n int64) ([]byte, error) {
	buf = buf[:0]
	for int64(len(buf)) < n {
		more := min(n-int64(len(buf)), max(pageSize, int64(len(buf))))
		at := len(buf)
		buf = append(buf, make([]byte, more)...)
		if _, err := io.ReadFull(r, buf[at:]); err != nil {
			return buf, err
		}
	}
	return buf, nil
}
