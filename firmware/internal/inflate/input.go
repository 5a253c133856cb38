package inflate

// input is the bits that were read and not decoded, and the bytes that were not read.
type input struct {
	bits uint64
	n    uint // valid bits
	in   []byte
	pos  int
}

// need makes n bits available, and reports whether the input has them.
func (d *input) need(n uint) bool {
	for d.n < n {
		if d.pos == len(d.in) {
			return false
		}
		d.bits |= uint64(d.in[d.pos]) << d.n
		d.pos++
		d.n += 8
	}
	return true
}

// take returns the next n bits, which need has made available.
func (d *input) take(n uint) int {
	v := int(d.bits & (1<<n - 1)) //nolint:gosec // n is at most 16
	d.bits >>= n
	d.n -= n
	return v
}

// at returns n bits that begin behind the next o bits.
func (d *input) at(o, n uint) int {
	return int(d.bits >> o & (1<<n - 1)) //nolint:gosec // at most 13 bits
}

func (d *input) drop(n uint) {
	d.bits >>= n
	d.n -= n
}

// peek finds the code behind the next o bits without taking it. ok is false if the input has only a
// part of it.
func (d *input) peek(h *huffman, o uint) (entry uint32, ok bool) {
	for {
		e := h.find(d.bits >> o)
		if e != 0 && uint(e&0xff) <= d.n-o || d.n-o >= maxCode {
			return e, true
		}
		if !d.need(d.n + 1) {
			return 0, false
		}
	}
}
