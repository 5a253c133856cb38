package fat

import (
	"fmt"
	"strings"
)

const maxName = 255

// Flags of an entry's reserved byte: the short name is shown in small letters.
const (
	smallBody = 0x08
	smallExt  = 0x10
)

// name is one part of a path, as an entry of a directory has it.
type name struct {
	long     string
	short    [11]byte
	needLong bool // the long name has entries of its own
	lossy    bool // short is not all of the name, so it gets a number
	small    byte // smallBody, smallExt
}

// split returns the parts of path. Both kinds of slashes separate them.
func split(path string) ([]name, error) {
	var names []name
	for part := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		n, err := parseName(part)
		if err != nil {
			return nil, fmt.Errorf("%.300q: %w", path, err)
		}
		names = append(names, n)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%.300q: %w", path, ErrName)
	}
	return names, nil
}

func parseName(s string) (name, error) {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7F || strings.IndexByte(`*:<>|"?`, s[i]) >= 0 {
			return name{}, fmt.Errorf("%w: %q in a name", ErrName, s[i])
		}
	}
	if len(s) > maxName {
		return name{}, fmt.Errorf("%w: more than %d characters", ErrName, maxName)
	}
	if s = strings.TrimRight(s, " ."); s == "" {
		return name{}, fmt.Errorf("%w: only spaces and dots", ErrName)
	}
	n := name{long: s}
	n.shorten()
	return n, nil
}

// shorten sets the short name: the first 8 characters before the last dot and 3 behind it.
func (n *name) shorten() {
	for i := range n.short {
		n.short[i] = ' '
	}
	body, ext := strings.TrimLeft(n.long, " "), ""
	if len(body) < len(n.long) || body[0] == '.' {
		n.lossy = true
	}
	dot := strings.LastIndexByte(body, '.')
	if dot >= 0 {
		body, ext = body[:dot], body[dot+1:]
	}
	inBody := n.fill(n.short[:8], body)
	inExt := n.fill(n.short[8:], ext)
	n.needLong = n.lossy || inBody == bothCases || inExt == bothCases
	if !n.needLong {
		if inBody == smallCase {
			n.small |= smallBody
		}
		if inExt == smallCase {
			n.small |= smallExt
		}
	}
}

// Cases of the letters of a part.
const (
	smallCase = 1 << iota
	capitalCase
	bothCases = smallCase | capitalCase
)

// fill writes s to field in capitals and returns the cases of its letters.
func (n *name) fill(field []byte, s string) (cases int) {
	at := 0
	for i := range len(s) {
		c := s[i]
		if c == ' ' || c == '.' {
			n.lossy = true
			continue
		}
		if at == len(field) {
			n.lossy = true
			break
		}
		switch {
		case strings.IndexByte("+,;=[]", c) >= 0:
			c, n.lossy = '_', true
		case c >= 'A' && c <= 'Z':
			cases |= capitalCase
		case c >= 'a' && c <= 'z':
			cases |= smallCase
			c -= 'a' - 'A'
		}
		field[at] = c
		at++
	}
	return cases
}

// numbered returns the short name with "~" and a number, or above 5 a checksum of the long name.
func (n *name) numbered(seq uint32) [11]byte {
	if seq > 5 {
		for i := range len(n.long) {
			for bit := range 16 {
				seq = seq<<1 + uint32(n.long[i])>>bit&1
				if seq&0x10000 != 0 {
					seq ^= 0x11021
				}
			}
		}
	}
	suffix := fmt.Sprintf("~%X", seq)
	short, at := n.short, 0
	for at < 8-len(suffix) && short[at] != ' ' {
		at++
	}
	at += copy(short[at:8], suffix)
	for ; at < 8; at++ {
		short[at] = ' '
	}
	return short
}

// checksum ties entries of a long name to the short one.
func checksum(short []byte) (sum byte) {
	for _, c := range short {
		sum = sum>>1 + sum<<7 + c
	}
	return sum
}

// longOffsets are the places of the 13 UTF-16 characters in an entry of a long name.
var longOffsets = [...]int{1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30}

const (
	longChars = len(longOffsets)
	lastLong  = 0x40
)

// longEntries returns how many entries the long name needs.
func (n *name) longEntries() int {
	if !n.needLong {
		return 0
	}
	return (len(n.long) + longChars - 1) / longChars
}

// putLong makes p the entry number ord, from 1, of the long name.
func (n *name) putLong(p []byte, ord int, sum byte) {
	p[0], p[11], p[12], p[13] = byte(ord), attrLong, 0, sum
	le.PutUint16(p[26:], 0)
	at := (ord - 1) * longChars
	for i, off := range longOffsets {
		c := uint16(0xFFFF)
		switch {
		case at+i < len(n.long):
			c = uint16(n.long[at+i])
		case at+i == len(n.long):
			c = 0
		}
		le.PutUint16(p[off:], c)
	}
	if at+longChars >= len(n.long) {
		p[0] |= lastLong
	}
}

// hasLong reports whether p, an entry of a long name, is a part of this one. Case does not count.
func (n *name) hasLong(p []byte) bool {
	at := (int(p[0]&0x3F) - 1) * longChars
	if le.Uint16(p[26:]) != 0 || at < 0 || at > len(n.long) {
		return false
	}
	for i, off := range longOffsets {
		c := le.Uint16(p[off:])
		switch {
		case at+i < len(n.long):
			if c >= 0x80 || upper(byte(c)) != upper(n.long[at+i]) {
				return false
			}
		case at+i == len(n.long):
			if c != 0 {
				return false
			}
		case c != 0xFFFF:
			return false
		}
	}
	return p[0]&lastLong == 0 || at+longChars >= len(n.long)
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - ('a' - 'A')
	}
	return c
}
