package etf

import (
	"cmp"
	"math/big"
)

// Term is an Erlang term: one of Int, Big, Float, Atom, Binary, Bitstring, List, Improper, Tuple,
// Map and Opaque.
type Term interface{ term() }

type (
	// Int is an integer that fits 64 bits.
	Int int64
	// Float is a float. Erlang has neither NaN nor infinities.
	Float float64
	// Atom is the name of an atom in UTF-8, at most 255 characters.
	Atom string
	// Binary is a binary, in Elixir also a string.
	Binary []byte
	// List is a proper list. A charlist is a list of integers, see Charlist.
	List []Term
	// Tuple is a tuple.
	Tuple []Term
	// Map is a map that keeps the order of its pairs.
	Map []Pair
)

// Pair is one entry of a Map.
type Pair struct{ Key, Value Term }

// Big is an integer of any size. Decoding returns it only for an integer that does not fit Int.
type Big struct{ Int *big.Int }

// Bitstring is a binary whose last octet has only its highest Last bits (1 to 7). The other bits
// are zero.
type Bitstring struct {
	Bytes []byte
	Last  int
}

// Improper is a list that ends in something other than a list: [1, 2 | 3]. Elems is not empty.
type Improper struct {
	Elems []Term
	Tail  Term
}

// Kind names the terms that have a meaning only in their Erlang system. Decoder.Keep is a set of
// kinds.
type Kind uint8

// The kinds of Opaque terms.
const (
	Pid Kind = 1 << iota
	Reference
	Port
	Fun
)

// String returns the name of one kind.
func (k Kind) String() string {
	switch k {
	case Pid:
		return "pid"
	case Reference:
		return "reference"
	case Port:
		return "port"
	case Fun:
		return "fun"
	}
	return "mixed kinds"
}

// Opaque is a pid, reference, port or fun as its encoded octets, without the version octet.
// Encoding writes them unchanged.
type Opaque struct {
	Kind Kind
	Raw  []byte
}

// The atoms that every decoder knows.
const (
	Nil   Atom = "nil"
	True  Atom = "true"
	False Atom = "false"
	OK    Atom = "ok"
	Error Atom = "error"
)

func (Int) term()       {}
func (Big) term()       {}
func (Float) term()     {}
func (Atom) term()      {}
func (Binary) term()    {}
func (Bitstring) term() {}
func (List) term()      {}
func (Improper) term()  {}
func (Tuple) term()     {}
func (Map) term()       {}
func (Opaque) term()    {}

// Charlist returns the list of the octets of s: Erlang's "text" and Elixir's ~c"text" in ASCII.
func Charlist(s string) List {
	l := make(List, len(s))
	for i := range len(s) {
		l[i] = Int(s[i])
	}
	return l
}

// Octets returns the text of a list of integers from 0 to 255. ok is false for any other list.
func (l List) Octets() (s string, ok bool) {
	if !l.octets() {
		return "", false
	}
	b := make([]byte, len(l))
	for i, e := range l {
		b[i] = byte(e.(Int))
	}
	return string(b), true
}

func (l List) octets() bool {
	for _, e := range l {
		if n, ok := e.(Int); !ok || n < 0 || n > 255 {
			return false
		}
	}
	return true
}

// Get returns the value of a key. Maps inside the key must be sorted, as decoding returns them.
func (m Map) Get(key Term) (Term, bool) {
	for _, p := range m {
		if compare(p.Key, key) == 0 {
			return p.Value, true
		}
	}
	return nil, false
}

// Text returns the binary under a binary key, as in Elixir maps from JSON or Fedecks.
func (m Map) Text(key string) (string, bool) {
	v, _ := m.Get(Binary(key))
	b, ok := v.(Binary)
	return string(b), ok
}

// kindName names a term's type for messages.
func kindName(t Term) string {
	switch t := t.(type) {
	case Int, Big:
		return "integer"
	case Float:
		return "float"
	case Atom:
		return "atom"
	case Binary:
		return "binary"
	case Bitstring:
		return "bitstring"
	case List:
		return "list"
	case Improper:
		return "improper list"
	case Tuple:
		return "tuple"
	case Map:
		return "map"
	case Opaque:
		return t.Kind.String()
	}
	return "nothing"
}

// compareInts compares integers of either size.
func compareInts(a, b Term) int {
	x, small := a.(Int)
	y, alsoSmall := b.(Int)
	if small && alsoSmall {
		return cmp.Compare(x, y)
	}
	return bigOf(a).Cmp(bigOf(b))
}

func bigOf(t Term) *big.Int {
	switch t := t.(type) {
	case Int:
		return big.NewInt(int64(t))
	case Big:
		if t.Int != nil {
			return t.Int
		}
	}
	return new(big.Int)
}
