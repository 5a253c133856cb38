package inflate

import "math/bits"

// primaryBits is how many bits one look-up decodes at most; longer codes need a second one.
const primaryBits = 10

// maxCode is the length of the longest code in bits (RFC 1951 3.2.7).
const maxCode = 15

// An entry of a table is the symbol and the length of its code, symbol<<8 | length. One with the
// bit link has the offset of a second table instead of a symbol. Zero is a code that is not used.
const link = 1 << 31

// huffman decodes the codes of one alphabet.
type huffman struct {
	primary   [1 << primaryBits]uint32
	secondary []uint32
	extra     uint // bits that index a second table
}

// build makes the tables from the lengths of the codes of all symbols. It reports whether they are
// a code: complete, or, as zlib allows, one code of one bit or none at all if sparse is true.
func (h *huffman) build(lengths []uint8, sparse bool) bool {
	var count [maxCode + 1]int
	longest := uint(0)
	for _, n := range lengths {
		count[n]++
		longest = max(longest, uint(n))
	}
	clear(h.primary[:])
	h.secondary = h.secondary[:0]
	if longest == 0 {
		return sparse
	}
	var next [maxCode + 2]int
	left := 1
	for n := 1; n <= maxCode; n++ {
		left = left<<1 - count[n]
		if left < 0 {
			return false
		}
		next[n+1] = (next[n] + count[n]) << 1
	}
	if left > 0 && (longest != 1 || !sparse) {
		return false
	}
	h.extra = 0
	if longest > primaryBits {
		h.extra = longest - primaryBits
	}
	for symbol, n := range lengths {
		if n == 0 {
			continue
		}
		code := next[n]
		next[n]++
		reversed := uint32(bits.Reverse16(uint16(code)) >> (16 - n)) //nolint:gosec // 15 bits
		h.put(reversed, uint32(symbol), uint(n))                     //nolint:gosec // fewer than 320
	}
	return true
}

// put enters a code, whose first bit is the lowest, at each place where it is looked up.
func (h *huffman) put(code, symbol uint32, n uint) {
	entry := symbol<<8 | uint32(n) //nolint:gosec // at most 15
	if n <= primaryBits {
		for i := code; i < 1<<primaryBits; i += 1 << n {
			h.primary[i] = entry
		}
		return
	}
	first := &h.primary[code&(1<<primaryBits-1)]
	if *first == 0 {
		*first = link | uint32(len(h.secondary))<<8 //nolint:gosec // at most 2^14
		h.secondary = append(h.secondary, make([]uint32, 1<<h.extra)...)
	}
	table := h.secondary[*first&^link>>8:]
	for i := code >> primaryBits; i < 1<<h.extra; i += 1 << (n - primaryBits) {
		table[i] = entry
	}
}

// find returns the entry for the code at the low end of b.
func (h *huffman) find(b uint64) uint32 {
	e := h.primary[b&(1<<primaryBits-1)]
	if e&link != 0 {
		e = h.secondary[uint64(e&^link>>8)+b>>primaryBits&(1<<h.extra-1)]
	}
	return e
}
