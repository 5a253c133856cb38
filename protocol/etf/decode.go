package etf

import "encoding/binary"

// Decoder holds the options of decoding. The zero value is safe and has the default limits.
type Decoder struct {
	Atoms   AtomSet // accepted in addition to nil, true, false, ok and error
	AnyAtom bool    // accept every atom
	Keep    Kind    // kinds to accept as Opaque: Pid | Reference
	Limits  Limits
}

// Decode reads one term with the zero Decoder.
func Decode(data []byte) (Term, error) {
	t, _, err := Decoder{}.Decode(data)
	return t, err
}

// Decode reads the term at the start of data, with its version octet, and returns how many bytes it
// used. Like OTP it ignores the bytes after the term. Errors are *SyntaxError, *LimitError,
// *UnknownAtomError and *KindError. The term refers to data, unless it was compressed.
func (cfg Decoder) Decode(data []byte) (t Term, used int, err error) {
	limits := cfg.Limits.withDefaults()
	d := decoder{data: data, cfg: cfg, limits: limits, left: limits.Elements}
	if len(data) > limits.Bytes {
		return nil, 0, &LimitError{Limit: "bytes", Max: limits.Bytes, Position: d.position(limits.Bytes)}
	}
	if v, err := d.octet(); err != nil {
		return nil, 0, err
	} else if v != version {
		return nil, 0, d.malformed(0, "no version octet 131")
	}
	if d.pos < len(data) && data[d.pos] == tagCompressed {
		return d.compressed()
	}
	if t, err = d.term(1); err != nil {
		return nil, 0, err
	}
	return t, d.pos, nil
}

// decoder reads one input.
type decoder struct {
	data     []byte
	pos      int
	cfg      Decoder
	limits   Limits
	left     int  // elements left of the limit
	keys     int  // depth of map keys around the current term
	inflated bool // data is the contents of a compressed term
}

func (d *decoder) term(depth int) (Term, error) {
	at := d.pos
	if depth > d.limits.Depth {
		return nil, &LimitError{Limit: "levels of depth", Max: d.limits.Depth, Position: d.position(at)}
	}
	tag, err := d.octet()
	if err != nil {
		return nil, err
	}
	switch tag {
	case tagSmallInt:
		n, err := d.octet()
		return Int(n), err
	case tagInt:
		n, err := d.uint32()
		return Int(int32(n)), err
	case tagSmallBig:
		return d.big(1)
	case tagLargeBig:
		return d.big(4)
	case tagNewFloat, tagFloat:
		return d.float(tag, at)
	case tagAtom, tagSmallAtom, tagAtomUTF8, tagSmallAtomUTF8:
		return d.atom(tag, at)
	case tagBinary:
		b, err := d.sized(4)
		return Binary(b), err
	case tagBitBinary:
		return d.bitstring(at)
	case tagNil:
		return emptyList, nil
	case tagString, tagList:
		return d.list(tag, depth)
	case tagSmallTuple:
		return d.tuple(1, depth)
	case tagLargeTuple:
		return d.tuple(4, depth)
	case tagMap:
		return d.mapping(depth)
	}
	return d.opaque(tag, at, depth)
}

// position returns the position of an error.
func (d *decoder) position(at int) Position { return Position{Offset: at, Inflated: d.inflated} }

func (d *decoder) malformed(at int, reason string) error {
	return &SyntaxError{Position: d.position(at), Reason: reason}
}

// take returns the next n bytes without copying them.
func (d *decoder) take(n int) ([]byte, error) {
	if n > len(d.data)-d.pos {
		return nil, d.malformed(len(d.data), "input ends inside a term")
	}
	b := d.data[d.pos : d.pos+n : d.pos+n]
	d.pos += n
	return b, nil
}

// octet reads a tag or any other single octet.
func (d *decoder) octet() (byte, error) {
	b, err := d.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

func (d *decoder) uint32() (uint32, error) {
	b, err := d.take(4)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(b), nil
}

// length reads a length of size octets, in bytes or in elements. Each element takes at least one
// byte, so length refuses a value beyond the rest of the input before memory is allocated.
func (d *decoder) length(size int) (int, error) {
	b, err := d.take(size)
	if err != nil {
		return 0, err
	}
	var n uint64
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	if n > uint64(len(d.data)-d.pos) {
		return 0, d.malformed(len(d.data), "input ends inside a term")
	}
	return int(n), nil
}

// sized reads a length of size octets and that number of bytes.
func (d *decoder) sized(size int) ([]byte, error) {
	n, err := d.length(size)
	if err != nil {
		return nil, err
	}
	return d.take(n)
}
