package etf

import (
	"encoding"
	"math/big"
	"reflect"
	"slices"
	"strconv"
)

// filler converts terms to Go values.
type filler struct{ shapes shapes }

// misfit is the refusal of a term for a Go value.
func misfit(t Term, v reflect.Value, why string) error {
	return &TypeError{Term: kindName(t), Go: goName(v), Why: why}
}

func (f *filler) fill(t Term, v reflect.Value) error {
	if t == nil {
		return misfit(t, v, "")
	}
	if v.Type() == bigType {
		return fillBig(t, v)
	}
	own := reflect.TypeOf(t)
	if own == v.Type() ||
		v.Kind() == reflect.Interface && own.Implements(v.Type()) { // a Term type, Term or any
		v.Set(reflect.ValueOf(t))
		return nil
	}
	if termTypes[v.Type()] {
		return misfit(t, v, "")
	}
	if t == Nil {
		switch v.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			v.SetZero()
			return nil
		}
	}
	if v.Kind() == reflect.Pointer {
		target := reflect.New(v.Type().Elem())
		if err := f.fill(t, target.Elem()); err != nil {
			return err
		}
		v.Set(target)
		return nil
	}
	if v.Addr().Type().Implements(textUnmarshaler) {
		text, ok := t.(Binary)
		if !ok {
			return misfit(t, v, "")
		}
		into := v.Addr().Interface().(encoding.TextUnmarshaler)
		if err := into.UnmarshalText(slices.Clone(text)); err != nil {
			return misfit(t, v, "its text is not accepted")
		}
		return nil
	}
	return f.kind(t, v)
}

func (f *filler) kind(t Term, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Bool:
		if t != True && t != False {
			return misfit(t, v, "")
		}
		v.SetBool(t == True)
		return nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return fillInt(t, v)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fillUint(t, v)
	case reflect.Float32, reflect.Float64:
		return fillFloat(t, v)
	case reflect.String:
		b, ok := t.(Binary)
		if !ok {
			return misfit(t, v, "")
		}
		v.SetString(string(b))
		return nil
	case reflect.Slice, reflect.Array:
		return f.sequence(t, v)
	case reflect.Map:
		return f.mapping(t, v)
	case reflect.Struct:
		return f.record(t, v)
	}
	return misfit(t, v, "")
}

const outOfRange = "out of range"

func fillBig(t Term, v reflect.Value) error {
	switch t.(type) {
	case Int, Big:
		v.Addr().Interface().(*big.Int).Set(bigOf(t))
		return nil
	}
	return misfit(t, v, "")
}

func fillInt(t Term, v reflect.Value) error {
	n, ok := t.(Int)
	_, isBig := t.(Big)
	switch {
	case isBig || ok && v.OverflowInt(int64(n)):
		return misfit(t, v, outOfRange)
	case !ok:
		return misfit(t, v, "")
	}
	v.SetInt(int64(n))
	return nil
}

func fillUint(t Term, v reflect.Value) error {
	switch t.(type) {
	case Int, Big:
		n := bigOf(t)
		if !n.IsUint64() || v.OverflowUint(n.Uint64()) {
			return misfit(t, v, outOfRange)
		}
		v.SetUint(n.Uint64())
		return nil
	}
	return misfit(t, v, "")
}

// fillFloat accepts an integer that a float holds exactly, because Elixir code writes 1 for 1.0.
func fillFloat(t Term, v reflect.Value) error {
	var x float64
	switch t := t.(type) {
	case Float:
		x = float64(t)
	case Int:
		x = float64(t)
		if back, exact := big.NewFloat(x).Int64(); exact != big.Exact || back != int64(t) {
			return misfit(t, v, outOfRange)
		}
	default:
		return misfit(t, v, "")
	}
	if v.OverflowFloat(x) {
		return misfit(t, v, outOfRange)
	}
	v.SetFloat(x)
	return nil
}

func (f *filler) sequence(t Term, v reflect.Value) error {
	var source reflect.Value
	isOctets := v.Type().Elem() == byteType
	switch t := t.(type) {
	case Binary:
		source = reflect.ValueOf(t)
	case List:
		source = reflect.ValueOf(t)
	default:
		return misfit(t, v, "")
	}
	if _, isBinary := t.(Binary); isBinary != isOctets {
		return misfit(t, v, "")
	}
	n := source.Len()
	if v.Kind() == reflect.Slice {
		v.Set(reflect.MakeSlice(v.Type(), n, n))
	} else if n != v.Len() {
		return misfit(t, v, "of another length")
	}
	if isOctets {
		reflect.Copy(v, source)
		return nil
	}
	for i, e := range t.(List) {
		if err := f.fill(e, v.Index(i)); err != nil {
			return within("["+strconv.Itoa(i)+"]", err)
		}
	}
	return nil
}

func (f *filler) mapping(t Term, v reflect.Value) error {
	m, ok := t.(Map)
	if !ok {
		return misfit(t, v, "")
	}
	out := reflect.MakeMapWithSize(v.Type(), len(m))
	for _, p := range m {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		if err := f.fill(p.Key, key); err != nil {
			return within("[key]", err)
		}
		if !key.Comparable() {
			return within("[key]", misfit(p.Key, key, "Go cannot compare it"))
		}
		if out.MapIndex(key).IsValid() {
			return within("[key]", misfit(p.Key, key, "two keys become the same"))
		}
		if err := f.fill(p.Value, value); err != nil {
			return within("[key]", err)
		}
		out.SetMapIndex(key, value)
	}
	v.Set(out)
	return nil
}

func (f *filler) record(t Term, v reflect.Value) error {
	sh, err := f.shapes.of(v.Type())
	if err != nil {
		return err
	}
	m, isMap := t.(Map)
	tuple, isTuple := t.(Tuple)
	if sh.tuple && (!isTuple || len(tuple) != len(sh.fields)) || !sh.tuple && !isMap {
		return misfit(t, v, "")
	}
	for i, fd := range sh.fields {
		var e Term
		if sh.tuple {
			e = tuple[i]
		} else if value, ok := m.Get(fd.key); ok {
			e = value
		} else {
			continue
		}
		if err := f.fill(e, v.Field(fd.index)); err != nil {
			return within("."+fd.name, err)
		}
	}
	return nil
}
