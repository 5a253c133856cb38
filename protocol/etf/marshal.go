package etf

import (
	"encoding"
	"errors"
	"math/big"
	"reflect"
)

// Marshal returns the encoding of a Go value with the zero Encoder. The mapping in both directions:
//
//	nil, nil pointer              atom nil
//	bool                          atom true, false
//	integers, *big.Int            integer
//	floats                        float; an integer that a float holds exactly is read into it too
//	string, []byte, [n]byte       binary
//	encoding.TextMarshaler        binary (time.Time, netip.Addr, ...)
//	other slices, arrays          list
//	maps                          map, sorted by key
//	structs                       map of the exported fields with binary keys
//	the Term types                as they are
//	any                           when reading: the Term
//
// A field's tag can name its key, omit the field when it is zero, make its key an atom, or ignore
// it:
//
//	Uptime int `etf:"uptime,omitempty,atom"`
//	Cache  int `etf:"-"`
//
// A struct with a field
//
//	_ struct{} `etf:",tuple"`
//
// is a tuple of its other exported fields. An embedded struct is a field.
func Marshal(v any) ([]byte, error) { return Encoder{}.Marshal(v) }

// Marshal returns the encoding of v with this encoder, see the function Marshal. Errors are
// *TypeError, *LimitError (a value that contains itself) and those of Append.
func (enc Encoder) Marshal(v any) ([]byte, error) {
	t, err := From(v)
	if err != nil {
		return nil, err
	}
	return enc.Append(nil, t)
}

// Unmarshal decodes the term at the start of data into the value that dst points to, with the zero
// Decoder and the mapping of Marshal.
//
// Keys of a map without a field are ignored, fields without a key stay as they are, and everything
// else must fit: only what goes into a float32 is rounded. The atom nil makes pointers, slices and
// maps nil. Strings and []byte are copies; Binary and other Term types refer to data.
func Unmarshal(data []byte, dst any) error { return Decoder{}.Unmarshal(data, dst) }

// Unmarshal decodes with this decoder, see the function Unmarshal. Errors are those of Decode and
// *TypeError.
func (cfg Decoder) Unmarshal(data []byte, dst any) error {
	t, _, err := cfg.Decode(data)
	if err != nil {
		return err
	}
	return Into(t, dst)
}

// From converts a Go value to a term, see Marshal. It does not copy Term types in v.
func From(v any) (Term, error) {
	b := builder{left: maxGoElements, shapes: shapes{}}
	return b.term(reflect.ValueOf(v), 1)
}

// Into converts a term to the value that dst points to, see Unmarshal.
func Into(t Term, dst any) error {
	v := reflect.ValueOf(dst)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return &TypeError{Term: kindName(t), Go: goName(v), Why: "give a pointer that is not nil"}
	}
	f := filler{shapes: shapes{}}
	return f.fill(t, v.Elem())
}

const (
	// Limits for a Go value that contains itself.
	maxGoDepth    = 10_000
	maxGoElements = 1 << 22
)

var (
	bigType         = reflect.TypeFor[big.Int]()
	byteType        = reflect.TypeFor[byte]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	termTypes       = map[reflect.Type]bool{
		reflect.TypeFor[Int](): true, reflect.TypeFor[Big](): true, reflect.TypeFor[Float](): true,
		reflect.TypeFor[Atom]():   true,
		reflect.TypeFor[Binary](): true, reflect.TypeFor[Bitstring](): true,
		reflect.TypeFor[List]():     true,
		reflect.TypeFor[Improper](): true, reflect.TypeFor[Tuple](): true, reflect.TypeFor[Map](): true,
		reflect.TypeFor[Opaque](): true,
	}
)

func goName(v reflect.Value) string {
	if !v.IsValid() {
		return "nil"
	}
	return v.Type().String()
}

// within adds an outer step to the path of a *TypeError.
func within(step string, err error) error {
	var e *TypeError
	if errors.As(err, &e) {
		e.Path = step + e.Path
	}
	return err
}
