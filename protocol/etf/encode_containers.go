package etf

// list writes a proper list as OTP does: as STRING_EXT if it has at most 65,535 elements that are
// all integers below 256. A tail that is a list continues the same list.
func (e *encoder) list(elems List, tail Term, depth int) error {
	if more, ok := tail.(List); ok && len(more) > 0 {
		elems, tail = append(elems[:len(elems):len(elems)], more...), emptyList
	}
	_, proper := tail.(List)
	switch {
	case len(elems) == 0 && proper:
		e.dst = append(e.dst, tagNil)
		return nil
	case len(elems) == 0:
		return e.term(tail, depth+1)
	case proper && len(elems) <= maxStringLen && elems.octets():
		e.dst = append(e.dst, tagString, byte(len(elems)>>8), byte(len(elems)))
		for _, t := range elems {
			e.dst = append(e.dst, byte(t.(Int)))
		}
		return nil
	}
	if err := e.count(tagList, len(elems)); err != nil {
		return err
	}
	if err := e.terms(elems, depth); err != nil {
		return err
	}
	if proper {
		e.dst = append(e.dst, tagNil)
		return nil
	}
	return e.term(tail, depth+1)
}

func (e *encoder) terms(ts []Term, depth int) error {
	for _, t := range ts {
		if err := e.term(t, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) tuple(t Tuple, depth int) error {
	if len(t) <= 255 {
		e.dst = append(e.dst, tagSmallTuple, byte(len(t)))
	} else if err := e.count(tagLargeTuple, len(t)); err != nil {
		return err
	}
	return e.terms(t, depth)
}

func (e *encoder) mapping(m Map, depth int) error {
	if err := e.count(tagMap, len(m)); err != nil {
		return err
	}
	for _, p := range m {
		if err := e.term(p.Key, depth+1); err != nil {
			return err
		}
		if err := e.term(p.Value, depth+1); err != nil {
			return err
		}
	}
	if duplicate(m) >= 0 { // after the check that the keys are terms
		return errNoKey
	}
	return nil
}

// sized appends a length of four octets and the octets.
func (e *encoder) sized(tag byte, b []byte) error {
	if err := e.count(tag, len(b)); err != nil {
		return err
	}
	e.dst = append(e.dst, b...)
	return nil
}

func (e *encoder) bitstring(t Bitstring) error {
	n := len(t.Bytes)
	if n == 0 || t.Last < 1 || t.Last > 7 {
		return errNoBits
	}
	if err := e.count(tagBitBinary, n); err != nil {
		return err
	}
	e.dst = append(append(e.dst, byte(t.Last)), t.Bytes...)
	e.dst[len(e.dst)-1] &^= 0xff >> t.Last
	return nil
}
