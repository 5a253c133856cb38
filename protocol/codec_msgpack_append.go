package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tinylib/msgp/msgp"
)

// Append appends m as a binary frame. Integers take the least bytes, integers that 64 bits do not
// hold and all other numbers are 64-bit floats; raw bytes (m.Binary) are a bin. It fails for
// numbers that a float does not hold, and for what is nested more than 128 deep.
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
	p := packers.Get().(*packer) //nolint:forcetypeassert // the pool holds nothing else
	defer p.release()
	p.reset(m.Payload, allowDuplicates...)
	p.out = out
	if err := p.value(0); err != nil {
		return dst, err
	}
	if _, err := p.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return dst, errInvalidPayload // more than one value
	}
	return p.out, nil
}

func appendPackedRef(dst []byte, ref string) []byte {
	if ref == "" {
		return msgp.AppendNil(dst)
	}
	return msgp.AppendString(dst, ref)
}

// packer turns JSON into MessagePack.
type packer struct {
	scanner
	out  []byte
	text []byte // scratch, for strings with escapes
}

var (
	errPackedTooDeep = errors.New("encode message: payload is nested more than 128 deep")
	errTooBig        = errors.New("encode message: payload has a number that a float does not hold")
)

var packers = sync.Pool{New: func() any { return new(packer) }}

const keptScratch = 4 << 10

func (p *packer) release() {
	p.reset(nil)
	p.out = nil
	if cap(p.text) > keptScratch {
		p.text = nil
	}
	packers.Put(p)
}

// value appends the next JSON value to out.
func (p *packer) value(depth int) error {
	switch p.dec.PeekKind() {
	case '[', '{':
		return p.container(depth + 1)
	case '"':
		return p.string()
	}
	v, err := p.dec.ReadValue()
	if err != nil {
		return errInvalidPayload
	}
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

func (p *packer) string() error {
	v, err := p.dec.ReadValue()
	if err != nil {
		return errInvalidPayload
	}
	text := []byte(v[1 : len(v)-1])
	if bytes.IndexByte(text, '\\') >= 0 {
		if p.text, err = jsontext.AppendUnquote(p.text[:0], v); err != nil {
			return errInvalidPayload
		}
		text = p.text
	}
	p.out = msgp.AppendStringFromBytes(p.out, text)
	return nil
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

// container appends an array or an object. How many elements it has is known at its end only; then
// its header is put in front.
func (p *packer) container(depth int) error {
	if depth > packDepth {
		return errPackedTooDeep
	}
	open, err := p.dec.ReadToken()
	if err != nil {
		return errInvalidPayload
	}
	object := open.Kind() == '{'
	from, n := len(p.out), 0
	p.out = append(p.out, 0)
	for {
		switch p.dec.PeekKind() {
		case ']', '}':
			if _, err := p.dec.ReadToken(); err != nil {
				return errInvalidPayload
			}
			p.head(from, n, object)
			return nil
		}
		if object {
			if err := p.string(); err != nil {
				return err
			}
		}
		if err := p.value(depth); err != nil {
			return err
		}
		n++
	}
}

// head writes the header of n elements at from, where one byte is free for it.
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
		binary.BigEndian.PutUint32(
			p.out[from+1:],
			uint32(n),
		) //nolint:gosec // of elements that are in memory
	}
}

// widen makes room for more bytes behind the one at from.
func (p *packer) widen(from, more int) {
	p.out = append(p.out, make([]byte, more)...)
	copy(p.out[from+1+more:], p.out[from+1:])
}
