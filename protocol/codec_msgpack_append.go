package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tinylib/msgp/msgp"
)

// Append appends m as a binary frame. An integer of up to 64 bits takes the least bytes, any other
// number is a 64-bit float, and raw bytes (m.Binary) are a bin. Append refuses a number that
// overflows a float, and nesting of more than 128.
func (MessagePack) Append(dst []byte, m Message) ([]byte, error) {
	out := msgp.AppendArrayHeader(dst, 5)
	out = appendPackedRef(out, m.JoinRef)
	out = appendPackedRef(out, m.Ref)
	out = msgp.AppendString(out, m.Topic)
	out = msgp.AppendString(out, m.Event)
	switch {
	case m.Binary:
		return msgp.AppendBytes(out, m.Payload), nil
	case len(m.Payload) == 0:
		return msgp.AppendMapHeader(out, 0), nil
	}
	if !m.Payload.IsValid(allowDuplicates...) {
		return dst, errInvalidPayload
	}
	p := packer{scanner: scanner{data: m.Payload}, out: out}
	if err := p.value(0); err != nil {
		return dst, err
	}
	return p.out, nil
}

func appendPackedRef(dst []byte, ref string) []byte {
	if ref == "" {
		return msgp.AppendNil(dst)
	}
	return msgp.AppendString(dst, ref)
}

// packer turns valid JSON into MessagePack.
type packer struct {
	scanner
	out []byte
}

var (
	errPackedTooDeep = errors.New("encode message: payload is nested more than 128 deep")
	errTooBig        = errors.New("encode message: payload has a number that a float does not hold")
)

// value appends the next JSON value to out.
func (p *packer) value(depth int) error {
	switch p.peek() {
	case '[':
		return p.container(depth+1, ']')
	case '{':
		return p.container(depth+1, '}')
	case '"':
		p.string()
		return nil
	}
	v, _ := p.scanner.value()
	switch v.Kind() {
	case 'n':
		p.out = msgp.AppendNil(p.out)
	case 't', 'f':
		p.out = msgp.AppendBool(p.out, v[0] == 't')
	default:
		return p.number(v)
	}
	return nil
}

// string appends the next JSON string.
func (p *packer) string() {
	v, _ := p.scanner.value()
	text := v[1 : len(v)-1]
	if bytes.IndexByte(text, '\\') < 0 {
		p.out = msgp.AppendStringFromBytes(p.out, text)
		return
	}
	// The header goes in front of the text, whose length is known once it is unquoted.
	from := len(p.out)
	p.out, _ = jsontext.AppendUnquote(append(p.out, 0), v) // the payload is valid
	switch n := len(p.out) - from - 1; {
	case n < 32:
		p.out[from] = 0xa0 | byte(n)
	case n <= math.MaxUint8:
		p.widen(from, 1)
		p.out[from], p.out[from+1] = 0xd9, byte(n)
	case n <= math.MaxUint16:
		p.widen(from, 2)
		p.out[from] = 0xda
		binary.BigEndian.PutUint16(p.out[from+1:], uint16(n))
	default:
		p.widen(from, 4)
		p.out[from] = 0xdb
		binary.BigEndian.PutUint32(p.out[from+1:], uint32(n)) //nolint:gosec // the text is in memory
	}
}

func (p *packer) number(v jsontext.Value) error {
	if isInteger(v) {
		if n, err := strconv.ParseUint(string(v), 10, 64); err == nil {
			p.out = msgp.AppendUint64(p.out, n)
			return nil
		}
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			p.out = msgp.AppendInt64(p.out, n)
			return nil
		}
	}
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || math.IsInf(f, 0) {
		return errTooBig
	}
	p.out = msgp.AppendFloat64(p.out, f)
	return nil
}

// container appends the array or object that ends with closing. Its header goes in front of the
// elements, whose number is known at the end.
func (p *packer) container(depth int, closing byte) error {
	if depth > packDepth {
		return errPackedTooDeep
	}
	p.pos++
	from, n := len(p.out), 0
	p.out = append(p.out, 0)
	for ; !p.take(closing); n++ {
		if n > 0 {
			p.take(',')
		}
		if closing == '}' {
			p.peek()
			p.string()
			p.take(':')
		}
		if err := p.value(depth); err != nil {
			return err
		}
	}
	p.head(from, n, closing == '}')
	return nil
}

// head writes the header of n elements at from, where one byte is reserved for it.
func (p *packer) head(from, n int, object bool) {
	fix, wide := byte(0x90), byte(0xdc)
	if object {
		fix, wide = 0x80, 0xde
	}
	switch {
	case n < 16:
		p.out[from] = fix | byte(n)
	case n <= math.MaxUint16:
		p.widen(from, 2)
		p.out[from] = wide
		binary.BigEndian.PutUint16(p.out[from+1:], uint16(n))
	default:
		p.widen(from, 4)
		p.out[from] = wide + 1
		binary.BigEndian.PutUint32(p.out[from+1:], uint32(n)) //nolint:gosec // elements are in memory
	}
}

// widen inserts more bytes behind the byte at from.
func (p *packer) widen(from, more int) {
	p.out = append(p.out, make([]byte, more)...)
	copy(p.out[from+1+more:], p.out[from+1:])
}
