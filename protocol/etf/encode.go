package etf

import (
	"encoding/binary"
	"errors"
	"math"
	"math/big"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Minor is the minor version of the format, the option minor_version of term_to_binary. Every OTP
// reads all of them.
type Minor uint8

// The minor versions.
const (
	// Minor1 is the default of OTP 17 to 25: floats in eight octets, atoms in Latin-1 where possible.
	Minor1 Minor = iota
	Minor0       // default before OTP 17: floats as text
	Minor2       // default since OTP 26: floats in eight octets, atoms in UTF-8
)

// Encoder holds the options of encoding.
type Encoder struct {
	Minor Minor // zero: Minor1
}

// Append appends the encoding of t to dst, with its version octet: the bytes of term_to_binary. It
// returns dst unchanged and an error for nil, a float that is not a number, an atom of more than
// 255 characters or not in UTF-8, a map with the same key twice, and a Bitstring or Opaque that
// decoding cannot return; and ErrLimit beyond MaxDepth.
func (enc Encoder) Append(dst []byte, t Term) ([]byte, error) {
	e := encoder{dst: append(dst, version), minor: enc.Minor}
	if err := e.term(t, 1); err != nil {
		return dst, err
	}
	return e.dst, nil
}

// Encode returns the encoding of t with the zero Encoder. See Append.
func Encode(t Term) ([]byte, error) { return Encoder{}.Append(nil, t) }

type encoder struct {
	dst   []byte
	minor Minor
}

var (
	errNoTerm  = errors.New("encode term: a nil Term is no term; the atom is etf.Nil")
	errNoFloat = errors.New("encode term: a float must be a finite number")
	errNoAtom  = errors.New("encode term: an atom must be UTF-8 of at most 255 characters")
	errNoBits  = errors.New(
		"encode term: a Bitstring must have octets and 1 to 7 bits in the last one",
	)
	errNoKey     = errors.New("encode term: map with the same key twice")
	errNoOpaque  = errors.New("encode term: an Opaque must come from decoding")
	errTooLong   = errors.New("encode term: more than 4,294,967,295 octets or elements in one term")
	errNoInteger = errors.New("encode term: Big without a number")
)

func (e *encoder) term(t Term, depth int) error {
	if depth > MaxDepth {
		return &LimitError{Limit: "levels of depth", Max: MaxDepth}
	}
	switch t := t.(type) {
	case Int:
		e.int(int64(t))
		return nil
	case Big:
		return e.big(t.Int)
	case Float:
		return e.float(float64(t))
	case Atom:
		return e.atom(t)
	case Binary:
		return e.sized(tagBinary, t)
	case Bitstring:
		return e.bitstring(t)
	case List:
		return e.list(t, emptyList, depth)
	case Improper:
		return e.list(t.Elems, t.Tail, depth)
	case Tuple:
		return e.tuple(t, depth)
	case Map:
		return e.mapping(t, depth)
	case Opaque:
		if len(t.Raw) == 0 || opaqueKinds[t.Raw[0]] != t.Kind {
			return errNoOpaque
		}
		e.dst = append(e.dst, t.Raw...)
		return nil
	}
	return errNoTerm
}

func (e *encoder) int(n int64) {
	switch {
	case n >= 0 && n <= 255:
		e.dst = append(e.dst, tagSmallInt, byte(n))
	case n >= math.MinInt32 && n <= math.MaxInt32:
		e.dst = binary.BigEndian.AppendUint32(append(e.dst, tagInt), uint32(n))
	default:
		magnitude, sign := uint64(n), byte(0)
		if n < 0 {
			magnitude, sign = -magnitude, 1
		}
		size := (bits.Len64(magnitude) + 7) / 8
		e.dst = append(e.dst, tagSmallBig, byte(size), sign)
		for ; magnitude > 0; magnitude >>= 8 {
			e.dst = append(e.dst, byte(magnitude))
		}
	}
}

func (e *encoder) big(n *big.Int) error {
	if n == nil {
		return errNoInteger
	}
	if n.IsInt64() {
		e.int(n.Int64())
		return nil
	}
	octets := n.Bytes()
	slices.Reverse(octets)
	if len(octets) <= 255 {
		e.dst = append(e.dst, tagSmallBig, byte(len(octets)))
	} else if err := e.count(tagLargeBig, len(octets)); err != nil {
		return err
	}
	sign := byte(0)
	if n.Sign() < 0 {
		sign = 1
	}
	e.dst = append(append(e.dst, sign), octets...)
	return nil
}

func (e *encoder) float(f float64) error {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return errNoFloat
	}
	if e.minor != Minor0 {
		e.dst = binary.BigEndian.AppendUint64(append(e.dst, tagNewFloat), math.Float64bits(f))
		return nil
	}
	var text [floatTextLen]byte
	strconv.AppendFloat(text[:0], f, 'e', 20, 64) // as C's "%.20e": at most 28 octets
	e.dst = append(append(e.dst, tagFloat), text[:]...)
	return nil
}

func (e *encoder) atom(name Atom) error {
	if !utf8.ValidString(string(name)) || utf8.RuneCountInString(string(name)) > maxAtomChars {
		return errNoAtom
	}
	if e.minor != Minor2 {
		if latin1, ok := toLatin1(name); ok {
			e.dst = append(e.dst, tagAtom, 0, byte(len(latin1)))
			e.dst = append(e.dst, latin1...)
			return nil
		}
	}
	if len(name) <= 255 {
		e.dst = append(e.dst, tagSmallAtomUTF8, byte(len(name)))
	} else {
		e.dst = binary.BigEndian.AppendUint16(append(e.dst, tagAtomUTF8), uint16(len(name)))
	}
	e.dst = append(e.dst, name...)
	return nil
}

// count appends a tag and a number of octets or elements.
func (e *encoder) count(tag byte, n int) error {
	if uint64(n) > math.MaxUint32 {
		return errTooLong
	}
	e.dst = binary.BigEndian.AppendUint32(append(e.dst, tag), uint32(n))
	return nil
}
