package etf

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// big reads an integer of sign and magnitude, lowest octet first. Like OTP it takes every sign
// octet except 0 as minus.
func (d *decoder) big(size int) (Term, error) {
	n, err := d.length(size)
	if err != nil {
		return nil, err
	}
	b, err := d.take(1 + n)
	if err != nil {
		return nil, err
	}
	negative, magnitude := b[0] != 0, bytes.TrimRight(b[1:], "\x00")
	if len(magnitude) <= 8 {
		var word [8]byte
		copy(word[:], magnitude)
		if n, ok := signed(binary.LittleEndian.Uint64(word[:]), negative); ok {
			return n, nil
		}
	}
	high := slices.Clone(magnitude)
	slices.Reverse(high)
	v := new(big.Int).SetBytes(high)
	if negative {
		v.Neg(v)
	}
	return Big{Int: v}, nil
}

// signed returns the number with this magnitude. It reports false when the number does not fit 64
// bits.
func signed(magnitude uint64, negative bool) (Int, bool) {
	switch {
	case !negative && magnitude <= math.MaxInt64:
		return Int(magnitude), true
	case negative && magnitude <= 1<<63:
		return Int(-magnitude), true
	}
	return 0, false
}

// float reads NEW_FLOAT_EXT (eight octets) or FLOAT_EXT (the text of minor version 0).
func (d *decoder) float(tag byte, at int) (Term, error) {
	if tag == tagFloat {
		text, err := d.take(floatTextLen)
		if err != nil {
			return nil, err
		}
		f, ok := parseFloat(text)
		if !ok {
			return nil, d.malformed(at, "float is not a number in text")
		}
		return Float(f), nil
	}
	b, err := d.take(8)
	if err != nil {
		return nil, err
	}
	f := math.Float64frombits(binary.BigEndian.Uint64(b))
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, d.malformed(at, "float is not a number or infinite")
	}
	return Float(f), nil
}

// floatText matches the text that OTP accepts in a FLOAT_EXT. ParseFloat also accepts hexadecimal
// numbers, underscores and names.
var floatText = regexp.MustCompile(`^[+-]?[0-9]+[.,][0-9]+([eE][+-]?[0-9]+)?$`)

// parseFloat reads the text of a FLOAT_EXT up to its first zero octet.
func parseFloat(text []byte) (float64, bool) {
	text, _, _ = bytes.Cut(text, []byte{0})
	if !floatText.Match(text) {
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.Replace(string(text), ",", ".", 1), 64)
	return f, err == nil
}

// bitstring reads a BIT_BINARY_EXT. Only the highest bits of its last octet count; like OTP it
// ignores the others.
func (d *decoder) bitstring(at int) (Term, error) {
	n, err := d.length(4)
	if err != nil {
		return nil, err
	}
	last, err := d.octet()
	if err != nil {
		return nil, err
	}
	b, err := d.take(n)
	switch {
	case err != nil:
		return nil, err
	case last > 8 || n == 0 && last != 0 || n > 0 && last == 0:
		return nil, d.malformed(at, "bitstring with an impossible number of bits")
	case n == 0 || last == 8:
		return Binary(b), nil
	}
	if clean := b[n-1] &^ (0xff >> last); clean != b[n-1] {
		b = slices.Clone(b)
		b[n-1] = clean
	}
	return Bitstring{Bytes: b, Last: int(last)}, nil
}
