package erltext

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hublink-go/hublink/protocol/etf"
)

func digit(c rune) bool { return c >= '0' && c <= '9' }

// number reads an integer, a character or a float, with its sign.
func (p *parser) number() (etf.Term, error) {
	negative := p.skip("-")
	if negative || p.skip("+") {
		p.blanks()
	}
	if p.skip("$") {
		c, err := p.char()
		if negative {
			c = -c
		}
		return etf.Int(c), err
	}
	at := p.pos
	digits, err := p.digits(10)
	if err != nil {
		return nil, err
	}
	rest := p.text[p.pos:]
	switch {
	case strings.HasPrefix(rest, "#"):
		return p.based(at, digits, negative)
	case len(rest) > 1 && rest[0] == '.' && digit(rune(rest[1])):
		return p.float(at, digits, negative)
	}
	return p.integer(digits, 10, negative)
}

// value returns the value of a digit, or 36.
func value(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'z':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'Z':
		return int(c-'A') + 10
	}
	return 36
}

// based reads the digits of an integer after its base: 16#ff.
func (p *parser) based(at int, digits string, negative bool) (etf.Term, error) {
	base, err := strconv.Atoi(digits)
	if err != nil || base < 2 || base > 36 {
		return nil, p.wrong(at, "the base of an integer must be 2 to 36")
	}
	p.next()
	if digits, err = p.digits(base); err != nil {
		return nil, err
	}
	return p.integer(digits, base, negative)
}

func (p *parser) integer(digits string, base int, negative bool) (etf.Term, error) {
	if base != 16 &&
		len(digits) > p.limits.Digits { // the time grows with the square of the digits
		return nil, p.beyond("digits; write 16#...", p.limits.Digits)
	}
	n := new(big.Int)
	if base == 16 {
		octets, _ := hex.DecodeString(strings.Repeat("0", len(digits)%2) + digits) // digits are digits
		n.SetBytes(octets)
	} else {
		n.SetString(digits, base)
	}
	if negative {
		n.Neg(n)
	}
	if n.IsInt64() {
		return etf.Int(n.Int64()), nil
	}
	return etf.Big{Int: n}, nil
}

// float reads a float from its point on.
func (p *parser) float(at int, whole string, negative bool) (etf.Term, error) {
	p.next()
	fraction, err := p.digits(10)
	if err != nil {
		return nil, err
	}
	text := whole + "." + fraction
	if p.skip("e") || p.skip("E") {
		sign := ""
		if p.skip("-") {
			sign = "-"
		} else {
			p.skip("+")
		}
		exponent, err := p.digits(10)
		if err != nil {
			return nil, err
		}
		text += "e" + sign + exponent
	}
	if negative {
		text = "-" + text
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, p.wrong(at, "a float beyond what 64 bits hold")
	}
	return etf.Float(f), nil
}

// reserved words of Erlang are atoms only in quotes. (else and maybe are reserved since OTP 25 and
// still accepted here.)
var reserved = map[string]bool{
	"after": true, "and": true, "andalso": true, "band": true, "begin": true, "bnot": true,
	"bor": true, "bsl": true, "bsr": true,
	"bxor": true, "case": true, "catch": true, "cond": true, "div": true, "end": true, "fun": true,
	"if": true, "let": true, "not": true,
	"of": true, "or": true, "orelse": true, "receive": true, "rem": true, "try": true, "when": true,
	"xor": true,
}

// lower reports whether c may begin an atom without quotes.
func lower(c rune) bool { return c >= 'a' && c <= 'z' || c >= 0xdf && c <= 0xff && c != 0xf7 }

// inWord reports whether c may be part of an atom without quotes.
func inWord(c rune) bool {
	return lower(c) || digit(c) || c == '_' || c == '@' || c >= 'A' && c <= 'Z' ||
		c >= 0xc0 && c <= 0xde && c != 0xd7
}

func (p *parser) bareAtom() (etf.Term, error) {
	at := p.pos
	name := p.word()
	if reserved[name] {
		return nil, p.wrong(
			at,
			fmt.Sprintf("%s is a word of the language: write '%s' for the atom", name, name),
		)
	}
	return p.atom(at, name)
}

func (p *parser) quotedAtom() (etf.Term, error) {
	at := p.pos
	name, err := p.quoted('\'')
	if err != nil {
		return nil, err
	}
	return p.atom(at, string(name))
}

const maxAtom = 255

func (p *parser) atom(at int, name string) (etf.Term, error) {
	if utf8.RuneCountInString(name) > maxAtom {
		return nil, p.wrong(at, "an atom of more than 255 characters")
	}
	return etf.Atom(strings.Clone(name)), nil
}

// variable returns the error for a variable: a text of another language often has a name here.
func (p *parser) variable() error {
	at := p.pos
	name := p.word()
	return p.wrong(
		at,
		fmt.Sprintf(
			"%.40s is a variable: write '%.40s' for an atom, <<\"%.40s\">> for a string",
			name,
			name,
			name,
		),
	)
}

// opaque reads the octets of a pid, reference, port or fun.
func (p *parser) opaque(at int, kind etf.Kind) (etf.Term, error) {
	start := p.pos
	for p.pos < len(p.text) && value(p.text[p.pos]) < 16 {
		p.pos++
	}
	digits := p.text[start:p.pos]
	if !p.skip(">") {
		return nil, p.expected(`hexadecimal digits and ">"`)
	}
	raw, err := hex.DecodeString("83" + digits)
	if err != nil {
		return nil, p.wrong(at, "an odd number of hexadecimal digits")
	}
	t, used, err := everything.Decode(raw)
	if o, ok := t.(etf.Opaque); err != nil || !ok || o.Kind != kind || used != len(raw) {
		return nil, p.wrong(at, "these are not the octets of a "+kind.String())
	}
	return t, nil
}

var opaqueNames = map[string]etf.Kind{
	"Pid":  etf.Pid,
	"Ref":  etf.Reference,
	"Port": etf.Port,
	"Fun":  etf.Fun,
}
