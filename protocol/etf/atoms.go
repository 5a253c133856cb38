package etf

import "unicode/utf8"

// AtomSet is an immutable set of atom names. The zero value is empty.
type AtomSet struct{ known map[string]Term }

// Atoms returns a set of the given names.
func Atoms(names ...string) AtomSet {
	s := AtomSet{known: make(map[string]Term, len(names))}
	for _, name := range names {
		s.known[name] = Atom(name)
	}
	return s
}

// commonAtoms are the atoms that every Elixir system has. Their values exist already, so decoding
// them does not allocate.
var commonAtoms = Atoms(string(Nil), string(True), string(False), string(OK), string(Error))

// atom reads what follows an atom's tag at offset at.
func (d *decoder) atom(tag byte, at int) (Term, error) {
	size := 2
	if tag == tagSmallAtom || tag == tagSmallAtomUTF8 {
		size = 1
	}
	name, err := d.sized(size)
	if err != nil {
		return nil, err
	}
	if tag == tagAtom || tag == tagSmallAtom {
		name = fromLatin1(name)
	}
	if !utf8.Valid(name) {
		return nil, d.malformed(at, "atom is not UTF-8")
	}
	if utf8.RuneCount(name) > maxAtomChars {
		return nil, d.malformed(at, "atom of more than 255 characters")
	}
	if t, ok := commonAtoms.known[string(name)]; ok {
		return t, nil
	}
	if t, ok := d.cfg.Atoms.known[string(name)]; ok {
		return t, nil
	}
	if !d.cfg.AnyAtom {
		return nil, &UnknownAtomError{Position: d.position(at), Name: string(name)}
	}
	return Atom(name), nil
}

// skipAtom reads an atom and refuses every other term.
func (d *decoder) skipAtom() error {
	at := d.pos
	tag, err := d.octet()
	if err != nil {
		return err
	}
	switch tag {
	case tagAtom, tagSmallAtom, tagAtomUTF8, tagSmallAtomUTF8:
		_, err = d.atom(tag, at)
		return err
	}
	return d.malformed(at, "not an atom where one must be")
}

// fromLatin1 returns b in UTF-8, and b itself when it is ASCII.
func fromLatin1(b []byte) []byte {
	for i, c := range b {
		if c < utf8.RuneSelf {
			continue
		}
		out := append(make([]byte, 0, 2*len(b)), b[:i]...)
		for _, c := range b[i:] {
			out = utf8.AppendRune(out, rune(c))
		}
		return out
	}
	return b
}

// toLatin1 returns name in Latin-1. ok is false when a character has no Latin-1 form.
func toLatin1(name Atom) (b []byte, ok bool) {
	b = make([]byte, 0, len(name))
	for _, r := range name {
		if r > 255 {
			return nil, false
		}
		b = append(b, byte(r))
	}
	return b, true
}
