package vcdiff

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// window is a window of the delta, and the target that it makes.
type window struct {
	sourceSize, sourceAt int64 // of the segment of the source
	size                 int   // of the target

	data, instructions, addresses []byte // sections
	target                        []byte
	cache                         addressCache
}

// errOverrun means that a section is shorter than the instructions need.
var errOverrun = fmt.Errorf("%w: a section is too short", ErrCorrupt)

// build carries out the instructions.
func (w *window) build(table *[256][2]instruction, p *page) error {
	w.target = w.target[:0]
	w.cache = addressCache{}
	codes, addresses := bytes.NewReader(w.instructions), bytes.NewReader(w.addresses)
	data := w.data
	for codes.Len() > 0 {
		code, _ := codes.ReadByte()
		for _, in := range table[code] {
			if in.kind == noop {
				continue
			}
			size := int64(in.size)
			if size == 0 {
				var err error
				if size, err = readNumber(codes); err != nil {
					return section(err)
				}
			}
			if size > int64(w.size-len(w.target)) {
				return fmt.Errorf("%w: its instructions make more than a window", ErrCorrupt)
			}
			n := int(size)
			switch in.kind {
			case add:
				if n > len(data) {
					return errOverrun
				}
				w.target, data = append(w.target, data[:n]...), data[n:]
			case run:
				if len(data) == 0 {
					return errOverrun
				}
				for range n {
					w.target = append(w.target, data[0])
				}
				data = data[1:]
			case copying:
				addr, err := w.address(addresses, in.mode)
				if err == nil {
					err = w.copy(addr, n, p)
				}
				if err != nil {
					return err
				}
			}
		}
	}
	if len(w.target) != w.size || len(data) > 0 || addresses.Len() > 0 {
		return fmt.Errorf("%w: its instructions make %d bytes of %d", ErrCorrupt, len(w.target), w.size)
	}
	return nil
}

// section returns err, the end of a section as errOverrun.
func section(err error) error {
	if errors.Is(err, io.EOF) {
		return errOverrun
	}
	return err
}

// address reads the address of a copy (RFC 3284 section 5.3).
func (w *window) address(r *bytes.Reader, mode byte) (int64, error) {
	here := w.sourceSize + int64(len(w.target))
	var addr int64
	if mode >= modeSame {
		b, err := r.ReadByte()
		if err != nil {
			return 0, section(err)
		}
		addr = w.cache.same[int(mode-modeSame)*256+int(b)]
	} else {
		n, err := readNumber(r)
		if err != nil {
			return 0, section(err)
		}
		switch addr = n; {
		case mode == modeHere:
			addr = here - n
		case mode >= modeNear:
			addr += w.cache.near[mode-modeNear]
		}
	}
	if addr < 0 || addr >= here {
		return 0, fmt.Errorf("%w: a copy from byte %d of %d", ErrCorrupt, addr, here)
	}
	w.cache.update(addr)
	return addr, nil
}

// copy appends n bytes from addr of the source's segment and the target behind it. A copy may run
// from the segment into the target, and into the bytes that it makes.
func (w *window) copy(addr int64, n int, p *page) error {
	if addr < w.sourceSize {
		m := int(min(int64(n), w.sourceSize-addr))
		at := len(w.target)
		w.target = append(w.target, make([]byte, m)...)
		if err := p.read(w.target[at:], w.sourceAt+addr); err != nil {
			return err
		}
		addr, n = addr+int64(m), n-m
	}
	for from := int(addr - w.sourceSize); n > 0; {
		m := min(n, len(w.target)-from)
		w.target = append(w.target, w.target[from:from+m]...)
		from, n = from+m, n-m
	}
	return nil
}

// page is a part of the source in memory, for copies of a few bytes.
type page struct {
	source io.ReaderAt
	at     int64
	data   []byte
	buf    []byte
}

// read fills b with the bytes of the source at off.
func (p *page) read(b []byte, off int64) error {
	if len(b) >= pageSize {
		n, err := p.source.ReadAt(b, off)
		return ofSource(n, len(b), err)
	}
	for len(b) > 0 {
		if off < p.at || off >= p.at+int64(len(p.data)) {
			if p.buf == nil {
				p.buf = make([]byte, pageSize)
			}
			p.at = off - off%4096
			n, err := p.source.ReadAt(p.buf, p.at)
			p.data = p.buf[:n]
			if p.at+int64(n) <= off {
				return ofSource(0, len(b), err)
			}
		}
		n := copy(b, p.data[off-p.at:])
		b, off = b[n:], off+int64(n)
	}
	return nil
}

// ofSource returns the error of a read of want bytes that returned n.
func ofSource(n, want int, err error) error {
	switch {
	case n == want:
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return fmt.Errorf("%w: the source is too short", ErrMismatch)
	}
	return fmt.Errorf("read the source: %w", err)
}
