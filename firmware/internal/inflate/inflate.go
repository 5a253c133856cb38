package inflate

import (
	"encoding/binary"
	"errors"
)

// ErrCorrupt means that the input is not a deflate stream.
var ErrCorrupt = errors.New("damaged deflate stream")

// Sizes in bytes.
const (
	window   = 32 << 10
	pieceMax = 256 << 10 // of output, as libarchive gives to zlib
)

// state is what the decoder reads next.
type state uint8

const (
	stHeader state = iota
	stStoredLength
	stStored
	stCounts
	stCodeLengths
	stLengths
	stCodes
	stDone
)

// Decoder decodes one stream. New and Reset make it ready.
type Decoder struct {
	input
	output
	st     state
	last   bool // the block is the last one
	stored int  // bytes left of a stored block

	literals    huffman
	distances   huffman
	codeLengths huffman
	codesOf
}

// New returns a decoder for one stream.
func New() *Decoder {
	return &Decoder{output: output{out: make([]byte, window+pieceMax), end: window}}
}

// Reset makes the decoder ready for another stream.
func (d *Decoder) Reset() {
	d.st, d.last, d.bits, d.n, d.total = stHeader, false, 0, 0, 0
	d.end, d.matchLeft = window, 0
}

// Done reports whether the stream has ended.
func (d *Decoder) Done() bool { return d.st == stDone }

// Step decodes from in. It returns how many bytes of in are used up, which are all of them unless
// the stream ended or the piece is full, and the output. Done tells the end. It fails with
// ErrCorrupt.
func (d *Decoder) Step(in []byte) (used int, out []byte, err error) {
	d.begin()
	d.in, d.pos = in, 0
	err = d.run()
	if d.st == stDone { // bytes that were taken into bits and not needed
		d.pos -= int(d.n >> 3)
		d.n, d.bits = 0, 0
	}
	d.in = nil
	return d.pos, d.out[window:d.end], err
}

// run decodes until the input is used up, the piece is full, or the stream has ended.
func (d *Decoder) run() error {
	for d.st != stDone {
		more, err := d.part()
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// part reads one part of the stream. more is false if it needs input, or room for output.
func (d *Decoder) part() (more bool, err error) {
	switch d.st {
	case stHeader:
		return d.header()
	case stStoredLength:
		return d.storedLength()
	case stStored:
		return d.copyStored(), nil
	case stCounts:
		return d.counts()
	case stCodeLengths:
		return d.readCodeLengths()
	case stLengths:
		return d.readLengths()
	default:
		return d.codes()
	}
}

func (d *Decoder) header() (bool, error) {
	if d.last {
		d.st = stDone
		return true, nil
	}
	if !d.need(3) {
		return false, nil
	}
	d.last = d.take(1) == 1
	switch d.take(2) {
	case 0:
		d.take(d.n & 7)
		d.st = stStoredLength
	case 1:
		d.fixed()
		d.st = stCodes
	case 2:
		d.st = stCounts
	default:
		return false, ErrCorrupt
	}
	return true, nil
}

func (d *Decoder) storedLength() (bool, error) {
	if !d.need(32) {
		return false, nil
	}
	n, complement := d.take(16), d.take(16)
	if n != complement^0xffff {
		return false, ErrCorrupt
	}
	d.stored, d.st = n, stStored
	return true, nil
}

// copyStored copies bytes of a stored block, first those that are in bits.
func (d *Decoder) copyStored() bool {
	for d.stored > 0 && d.n >= 8 && d.end < len(d.out) {
		d.out[d.end] = byte(d.take(8))
		d.end, d.stored, d.total = d.end+1, d.stored-1, d.total+1
	}
	if d.n < 8 {
		n := copy(d.out[d.end:], d.in[d.pos:min(len(d.in), d.pos+d.stored)])
		d.end, d.pos, d.stored, d.total = d.end+n, d.pos+n, d.stored-n, d.total+uint64(n)
	}
	if d.stored > 0 {
		return false
	}
	d.st = stHeader
	return true
}

// fixed makes the codes of RFC 1951 3.2.6.
func (d *Decoder) fixed() {
	var lengths [288]uint8
	for i := range lengths {
		switch {
		case i < 144, i >= 280:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		default:
			lengths[i] = 7
		}
	}
	d.literals.build(lengths[:], false)
	var five [32]uint8
	for i := range five {
		five[i] = 5
	}
	d.distances.build(five[:], false)
}

// corrupt returns ErrCorrupt for a code that is not used, and nil for one that is not complete.
func corrupt(complete bool) error {
	if complete {
		return ErrCorrupt
	}
	return nil
}

// Lengths and distances: the first value of a code and its extra bits (RFC 1951 3.2.5).
var (
	lengthBase = [29]uint16{
		3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
		163, 195, 227, 258,
	}
	lengthExtra = [29]uint8{
		0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
	}
	distanceBase = [30]uint16{
		1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049,
		3073, 4097, 6145, 8193, 12289, 16385, 24577,
	}
	distanceExtra = [30]uint8{
		0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
	}
)

// codes decodes literals and matches to the end of the block, of the input or of the piece.
func (d *Decoder) codes() (bool, error) {
	if d.matchLeft > 0 {
		d.match()
	}
	for d.end < len(d.out) {
		if len(d.in)-d.pos >= 16 && len(d.out)-d.end >= 300 {
			ended, err := d.fast()
			if err != nil || ended {
				return ended, err
			}
			continue
		}
		more, ended, err := d.one()
		if err != nil || ended || !more {
			return ended, err
		}
	}
	return false, nil
}

// one decodes one literal, match or end of block, if the input has all of it.
func (d *Decoder) one() (more, ended bool, err error) {
	e, ok := d.peek(&d.literals, 0)
	if !ok || e == 0 {
		return false, false, corrupt(ok)
	}
	at, symbol := uint(e&0xff), int(e>>8)
	switch {
	case symbol < 256:
		d.drop(at)
		d.out[d.end] = byte(symbol)
		d.end, d.total = d.end+1, d.total+1
		return true, false, nil
	case symbol == 256:
		d.drop(at)
		d.st = stHeader
		return true, true, nil
	case symbol > 285:
		return false, false, ErrCorrupt
	}
	extra := uint(lengthExtra[symbol-257])
	if !d.need(at + extra) {
		return false, false, nil
	}
	count := int(lengthBase[symbol-257]) + d.at(at, extra)
	at += extra
	if e, ok = d.peek(&d.distances, at); !ok {
		return false, false, nil
	}
	if symbol = int(e >> 8); e == 0 || symbol > 29 {
		return false, false, ErrCorrupt
	}
	at += uint(e & 0xff)
	extra = uint(distanceExtra[symbol])
	if !d.need(at + extra) {
		return false, false, nil
	}
	back := int(distanceBase[symbol]) + d.at(at, extra)
	if uint64(back) > d.total { //nolint:gosec // positive
		return false, false, ErrCorrupt
	}
	d.drop(at + extra)
	d.matchLeft, d.matchBack = count, back
	d.match()
	return true, false, nil
}

// fast is one in a loop for the middle of the input and of the piece, where neither can end within
// a match. ended is the end of the block.
func (d *Decoder) fast() (ended bool, err error) {
	in, pos, out, end := d.in, d.pos, d.out, d.end
	bits, n := d.bits&(1<<d.n-1), d.n
	lit, dist := &d.literals, &d.distances
	begin := end
	defer func() {
		d.pos, d.end, d.bits, d.n = pos, end, bits&(1<<n-1), n
		d.total += uint64(end - begin) //nolint:gosec // positive
	}()
	total := d.total - uint64(end) //nolint:gosec // modular
	for len(in)-pos >= 16 && len(out)-end >= 300 {
		bits |= binary.LittleEndian.Uint64(in[pos:]) << n
		pos += int((63 - n) >> 3)
		n |= 56
		e := lit.find(bits)
		if e>>8 < 256 && e != 0 { // up to three literals in these bits
			bits, n = bits>>(e&0xff), n-uint(e&0xff)
			out[end] = byte(e >> 8)
			end++
			if e = lit.find(bits); e>>8 < 256 && e != 0 {
				bits, n = bits>>(e&0xff), n-uint(e&0xff)
				out[end] = byte(e >> 8)
				end++
				continue
			}
			bits |= binary.LittleEndian.Uint64(in[pos:]) << n
			pos += int((63 - n) >> 3)
			n |= 56
		}
		symbol := e >> 8
		switch {
		case e == 0 || symbol > 285:
			return false, ErrCorrupt
		case symbol == 256:
			bits, n = bits>>(e&0xff), n-uint(e&0xff)
			d.st = stHeader
			return true, nil
		}
		bits, n = bits>>(e&0xff), n-uint(e&0xff)
		extra := uint(lengthExtra[symbol-257])
		count := int(lengthBase[symbol-257]) + int(bits&(1<<extra-1)) //nolint:gosec // 5 bits
		bits, n = bits>>extra, n-extra
		e = dist.find(bits)
		if symbol = e >> 8; e == 0 || symbol > 29 {
			return false, ErrCorrupt
		}
		bits, n = bits>>(e&0xff), n-uint(e&0xff)
		extra = uint(distanceExtra[symbol])
		back := int(distanceBase[symbol]) + int(bits&(1<<extra-1)) //nolint:gosec // 13 bits
		bits, n = bits>>extra, n-extra
		if uint64(back) > total+uint64(end) { //nolint:gosec // positive
			return false, ErrCorrupt
		}
		repeat(out, end, count, back)
		end += count
	}
	return false, nil
}
