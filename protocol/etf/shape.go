package etf

import (
	"reflect"
	"strings"
)

// shape is the mapping of a struct type.
type shape struct {
	tuple  bool
	fields []field
}

type field struct {
	index     int
	name      string // of the Go field
	key       Term
	omitEmpty bool
}

// shapes caches the mappings during one call.
type shapes map[reflect.Type]*shape

func (s shapes) of(t reflect.Type) (*shape, error) {
	if known, ok := s[t]; ok {
		return known, nil
	}
	sh := &shape{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("etf"), ",")
		if f.Name == "_" && options == "tuple" {
			sh.tuple = true
			continue
		}
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		entry := field{index: i, name: f.Name, key: Binary(name)}
		for option := range strings.SplitSeq(options, ",") {
			switch option {
			case "":
			case "omitempty":
				entry.omitEmpty = true
			case "atom":
				entry.key = Atom(name)
			default:
				return nil, &TypeError{
					Path: "." + f.Name,
					Term: "map",
					Go:   t.String(),
					Why:  "unknown option in the tag: " + option,
				}
			}
		}
		sh.fields = append(sh.fields, entry)
	}
	s[t] = sh
	return sh, nil
}
