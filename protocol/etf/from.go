package etf

import (
	"encoding"
	"math"
	"math/big"
	"reflect"
	"strconv"
)

// builder converts Go values to terms.
type builder struct {
	left   int // elements left of the limit
	shapes shapes
}

func (b *builder) term(v reflect.Value, depth int) (Term, error) {
	if depth > maxGoDepth {
		return nil, &LimitError{Limit: "levels of depth", Max: maxGoDepth}
	}
	if b.left--; b.left < 0 {
		return nil, &LimitError{Limit: "elements", Max: maxGoElements}
	}
	if !v.IsValid() {
		return Nil, nil
	}
	if v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return Nil, nil
		}
		if v.Kind() == reflect.Interface || !v.Type().Implements(textMarshaler) ||
			v.Type().Elem() == bigType {
			return b.term(v.Elem(), depth+1)
		}
	}
	switch t := v.Type(); {
	case termTypes[t]:
		return v.Interface().(Term), nil
	case t == bigType:
		n := v.Interface().(big.Int)
		return integer(&n), nil
	case !t.Implements(textMarshaler) && reflect.PointerTo(t).Implements(textMarshaler):
		p := reflect.New(t)
		p.Elem().Set(v)
		return b.term(p, depth+1)
	case t.Implements(textMarshaler):
		text, err := v.Interface().(encoding.TextMarshaler).MarshalText()
		if err != nil {
			return nil, &TypeError{Term: "binary", Go: goName(v), Why: err.Error()}
		}
		return Binary(text), nil
	}
	return b.kind(v, depth)
}

func (b *builder) kind(v reflect.Value, depth int) (Term, error) {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return True, nil
		}
		return False, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return Int(v.Int()), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if u := v.Uint(); u > math.MaxInt64 {
			return Big{Int: new(big.Int).SetUint64(u)}, nil
		}
		return Int(v.Uint()), nil
	case reflect.Float32, reflect.Float64:
		return Float(v.Float()), nil
	case reflect.String:
		return Binary(v.String()), nil
	case reflect.Slice, reflect.Array:
		return b.sequence(v, depth)
	case reflect.Map:
		return b.mapping(v, depth)
	case reflect.Struct:
		return b.record(v, depth)
	}
	return nil, &TypeError{Term: "no term", Go: goName(v)}
}

func integer(n *big.Int) Term {
	if n.IsInt64() {
		return Int(n.Int64())
	}
	return Big{Int: n}
}

func (b *builder) sequence(v reflect.Value, depth int) (Term, error) {
	if v.Type().Elem() == byteType {
		octets := make(Binary, v.Len())
		reflect.Copy(reflect.ValueOf(octets), v)
		return octets, nil
	}
	l := make(List, v.Len())
	for i := range l {
		var err error
		if l[i], err = b.term(v.Index(i), depth+1); err != nil {
			return nil, within("["+strconv.Itoa(i)+"]", err)
		}
	}
	return l, nil
}

func (b *builder) mapping(v reflect.Value, depth int) (Term, error) {
	m := make(Map, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		key, err := b.term(it.Key(), depth+1)
		if err != nil {
			return nil, within("[key]", err)
		}
		value, err := b.term(it.Value(), depth+1)
		if err != nil {
			return nil, within("[key]", err)
		}
		m = append(m, Pair{key, value})
	}
	sortPairs(m)
	return m, nil
}

func (b *builder) record(v reflect.Value, depth int) (Term, error) {
	sh, err := b.shapes.of(v.Type())
	if err != nil {
		return nil, err
	}
	m := make(Map, 0, len(sh.fields))
	for _, f := range sh.fields {
		if f.omitEmpty && !sh.tuple && v.Field(f.index).IsZero() {
			continue
		}
		t, err := b.term(v.Field(f.index), depth+1)
		if err != nil {
			return nil, within("."+f.name, err)
		}
		m = append(m, Pair{f.key, t})
	}
	if !sh.tuple {
		sortPairs(m)
		return m, nil
	}
	tuple := make(Tuple, len(m))
	for i, p := range m {
		tuple[i] = p.Value
	}
	return tuple, nil
}
