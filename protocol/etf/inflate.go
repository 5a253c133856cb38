package etf

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"io"
)

// compressed reads a compressed term: its inflated size in 4 octets and a zlib stream of a term
// without a version octet. Like OTP it requires the exact size and the checksum, and ignores octets
// after the term inside.
func (d *decoder) compressed() (Term, int, error) {
	at := d.pos
	head, err := d.take(5)
	if err != nil {
		return nil, 0, err
	}
	size := uint64(binary.BigEndian.Uint32(head[1:]))
	rest := d.data[d.pos:]
	if size > uint64(d.limits.Inflated) {
		return nil, 0, &LimitError{
			Limit:    "inflated bytes",
			Max:      d.limits.Inflated,
			Position: d.position(at),
		}
	}
	if size > uint64(len(rest))*deflateFactor {
		return nil, 0, d.malformed(at, "compressed term too short for its size")
	}
	in := bytes.NewReader(
		rest,
	) // zlib reads from it octet by octet, so what is left of it follows the term
	inflated, ok := inflate(in, int(size))
	if !ok {
		return nil, 0, d.malformed(at, "compressed term is damaged or of another size than it says")
	}
	inner := decoder{data: inflated, cfg: d.cfg, limits: d.limits, left: d.left, inflated: true}
	t, err := inner.term(1)
	if err != nil {
		return nil, 0, err
	}
	return t, len(d.data) - in.Len(), nil
}

// inflate returns the contents of a zlib stream of exactly this size.
func inflate(in *bytes.Reader, size int) ([]byte, bool) {
	z, err := zlib.NewReader(in)
	if err != nil {
		return nil, false
	}
	out := make([]byte, size)
	if _, err = io.ReadFull(z, out); err != nil {
		return nil, false
	}
	var more [1]byte
	n, err := z.Read(more[:]) // reads the checksum
	return out, n == 0 && errors.Is(err, io.EOF)
}
