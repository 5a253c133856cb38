package etf

import (
	"bytes"
	"cmp"
	"slices"
)

// Ranks in Erlang's term order: number < atom < reference < fun < port < pid < tuple < map < [] <
// list < bitstring.
const (
	rankInt = iota // as a key of a map an integer sorts before every float
	rankFloat
	rankAtom
	rankReference
	rankFun
	rankPort
	rankPid
	rankTuple
	rankMap
	rankEmpty
	rankList
	rankBits
)

func rank(t Term) int {
	switch t := t.(type) {
	case Int, Big:
		return rankInt
	case Float:
		return rankFloat
	case Atom:
		return rankAtom
	case Opaque:
		switch t.Kind {
		case Reference:
			return rankReference
		case Fun:
			return rankFun
		case Port:
			return rankPort
		}
		return rankPid
	case Tuple:
		return rankTuple
	case Map:
		return rankMap
	case List:
		if len(t) == 0 {
			return rankEmpty
		}
		return rankList
	case Improper:
		return rankList
	}
	return rankBits
}

// compare compares terms in Erlang's order for the keys of a map. The caller sorts the maps inside
// the terms, so the smaller term bounds the time.
func compare(a, b Term) int {
	if c := cmp.Compare(rank(a), rank(b)); c != 0 {
		return c
	}
	switch a := a.(type) {
	case Int, Big:
		return compareInts(a, b)
	case Float:
		return cmp.Compare(a, b.(Float))
	case Atom:
		return cmp.Compare(a, b.(Atom))
	case Opaque:
		return bytes.Compare(a.Raw, b.(Opaque).Raw)
	case Tuple:
		b := b.(Tuple)
		return cmp.Or(cmp.Compare(len(a), len(b)), slices.CompareFunc(a, b, compare))
	case Map:
		return compareMaps(a, b.(Map))
	case List:
		if len(a) == 0 {
			return 0
		}
		return compareLists(a, b)
	case Improper:
		return compareLists(a, b)
	}
	x, lastX := bitsOf(a)
	y, lastY := bitsOf(b)
	return cmp.Or(bytes.Compare(x, y), cmp.Compare(lastX, lastY))
}

func compareMaps(a, b Map) int {
	byKey := func(p, q Pair) int { return compare(p.Key, q.Key) }
	byValue := func(p, q Pair) int { return compare(p.Value, q.Value) }
	return cmp.Or(
		cmp.Compare(len(a), len(b)),
		slices.CompareFunc(a, b, byKey),
		slices.CompareFunc(a, b, byValue),
	)
}

func compareLists(a, b Term) int {
	x, tailX := elements(a)
	y, tailY := elements(b)
	n := min(len(x), len(y))
	if c := slices.CompareFunc(x[:n], y[:n], compare); c != 0 {
		return c
	}
	switch {
	case len(x) > n: // b is at its tail, a is not
		return cmp.Compare(rankList, rank(tailY))
	case len(y) > n:
		return cmp.Compare(rank(tailX), rankList)
	}
	return compare(tailX, tailY)
}

func elements(t Term) ([]Term, Term) {
	if l, ok := t.(Improper); ok {
		return l.Elems, l.Tail
	}
	l, _ := t.(List)
	return l, List(nil)
}

func bitsOf(t Term) ([]byte, int) {
	switch t := t.(type) {
	case Binary:
		return t, 8
	case Bitstring:
		return t.Bytes, t.Last
	}
	return nil, 0
}

// smallMap is the number of pairs up to which comparing all pairs is faster than sorting.
const smallMap = 8

// duplicate returns the index of a key that occurs twice, or -1.
func duplicate(m Map) int {
	if len(m) <= smallMap {
		for i := range m {
			for j := range i {
				if compare(m[i].Key, m[j].Key) == 0 {
					return i
				}
			}
		}
		return -1
	}
	order := make([]int, len(m))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return compare(m[i].Key, m[j].Key) })
	for i := 1; i < len(order); i++ {
		if compare(m[order[i-1]].Key, m[order[i]].Key) == 0 {
			return max(order[i-1], order[i])
		}
	}
	return -1
}

// sortPairs sorts a map as OTP writes maps of up to 32 pairs.
func sortPairs(m Map) {
	slices.SortStableFunc(m, func(p, q Pair) int { return compare(p.Key, q.Key) })
}
