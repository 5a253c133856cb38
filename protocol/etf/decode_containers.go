package etf

// emptyList is [], allocated once.
var emptyList Term = List{}

// claim takes n elements off the limit before memory is allocated for them.
func (d *decoder) claim(n, at int) error {
	if n > d.left {
		return &LimitError{Limit: "elements", Max: d.limits.Elements, Position: d.position(at)}
	}
	d.left -= n
	return nil
}

// list reads a list. A tail that is a list or a STRING_EXT continues the same list, so that a long
// chain of tails needs no depth. A LIST_EXT without elements is its tail.
func (d *decoder) list(tag byte, depth int) (Term, error) {
	var elems List
	for {
		at := d.pos - 1
		var err error
		switch tag {
		case tagList:
			elems, err = d.elements(elems, 4, depth)
		case tagString:
			elems, err = d.appendOctets(elems)
		case tagNil:
			if len(elems) == 0 {
				return emptyList, nil
			}
			return elems, nil
		default:
			d.pos = at
			tail, err := d.term(depth + 1)
			if err != nil || len(elems) == 0 {
				return tail, err
			}
			return Improper{Elems: elems, Tail: tail}, nil
		}
		if err != nil {
			return nil, err
		}
		if tag == tagString { // a proper list without a tail
			tag = tagNil
			continue
		}
		if tag, err = d.octet(); err != nil {
			return nil, err
		}
	}
}

// appendOctets reads the rest of a STRING_EXT: a list of integers below 256 in one octet each.
func (d *decoder) appendOctets(elems List) (List, error) {
	at := d.pos
	b, err := d.sized(2)
	if err != nil {
		return nil, err
	}
	if err := d.claim(len(b), at); err != nil {
		return nil, err
	}
	if elems == nil {
		elems = make(List, 0, len(b))
	}
	for _, c := range b {
		elems = append(elems, Int(c))
	}
	return elems, nil
}

// elements reads a count of size octets and that number of terms.
func (d *decoder) elements(elems []Term, size, depth int) ([]Term, error) {
	at := d.pos
	n, err := d.length(size)
	if err != nil {
		return nil, err
	}
	if err := d.claim(n, at); err != nil {
		return nil, err
	}
	if elems == nil {
		elems = make([]Term, 0, n)
	}
	for range n {
		t, err := d.term(depth + 1)
		if err != nil {
			return nil, err
		}
		elems = append(elems, t)
	}
	return elems, nil
}

func (d *decoder) tuple(size, depth int) (Term, error) {
	elems, err := d.elements(nil, size, depth)
	if err != nil {
		return nil, err
	}
	return Tuple(elems), nil
}

// mapping reads a map and, like OTP, refuses one with a key twice. It sorts maps inside keys, for
// compare.
func (d *decoder) mapping(depth int) (Term, error) {
	at := d.pos
	n, err := d.length(4)
	if err != nil {
		return nil, err
	}
	if err := d.claim(2*n, at); err != nil {
		return nil, err
	}
	m := make(Map, n)
	for i := range m {
		d.keys++
		m[i].Key, err = d.term(depth + 1)
		d.keys--
		if err != nil {
			return nil, err
		}
		if m[i].Value, err = d.term(depth + 1); err != nil {
			return nil, err
		}
	}
	if duplicate(m) >= 0 {
		return nil, d.malformed(at-1, "map with the same key twice")
	}
	if d.keys > 0 {
		sortPairs(m)
	}
	return m, nil
}
