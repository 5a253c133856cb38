package erltext

import (
	"strconv"
	"unicode/utf8"

	"github.com/hublink-go/hublink/protocol/etf"
)

// escapes are the letters behind a backslash that have a meaning; others mean themselves.
var escapes = map[rune]rune{
	'b': '\b',
	'd': 0x7f,
	'e': 0x1b,
	'f': '\f',
	'n': '\n',
	'r': '\r',
	's': ' ',
	't': '\t',
	'v': '\v',
}

// quoted reads the characters between quotes.
func (p *parser) quoted(quote rune) ([]rune, error) {
	p.next()
	var out []rune
	for {
		if p.peek() == quote {
			p.next()
			return out, nil
		}
		if p.peek() == end {
			return nil, p.expected(`a closing ` + string(quote))
		}
		c, err := p.char()
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
}

// char reads a character or what is escaped.
func (p *parser) char() (rune, error) {
	at := p.pos
	c := p.peek()
	if c == end || p.broken() {
		return 0, p.expected("a character")
	}
	if p.next(); c != '\\' {
		return c, nil
	}
	c = p.peek()
	switch {
	case c == end || p.broken():
		return 0, p.expected("what is escaped")
	case c >= '0' && c <= '7':
		return p.code(at, 8, p.run(8, 3))
	case p.skip("x{"):
		digits := p.run(16, utf8.UTFMax*2)
		if digits == "" || !p.skip("}") {
			return 0, p.expected(`hexadecimal digits and "}"`)
		}
		return p.code(at, 16, digits)
	case p.skip("x"):
		digits := p.run(16, 2)
		if len(digits) < 2 {
			return 0, p.expected("two hexadecimal digits")
		}
		return p.code(at, 16, digits)
	case p.skip("^"):
		if c = p.peek(); c < '?' || c > 'z' {
			return 0, p.expected("a letter")
		}
		if p.next(); c == '?' {
			return 0x7f, nil
		}
		return c & 0x1f, nil
	}
	p.next()
	if meant, ok := escapes[c]; ok {
		return meant, nil
	}
	return c, nil
}

// broken says whether what stands here is not UTF-8. (U+FFFD itself is.)
func (p *parser) broken() bool {
	c, n := utf8.DecodeRuneInString(p.text[p.pos:])
	return c == utf8.RuneError && n <= 1
}

// run reads as many digits as there are, but no more than most.
func (p *parser) run(base, most int) string {
	start := p.pos
	for p.pos < len(p.text) && p.pos < start+most && value(p.text[p.pos]) < base {
		p.pos++
	}
	return p.text[start:p.pos]
}

// code makes the character of a number.
func (p *parser) code(at, base int, digits string) (rune, error) {
	n, err := strconv.ParseInt(digits, base, 32)
	if err != nil || !utf8.ValidRune(rune(n)) {
		return 0, p.wrong(at, "there is no such character")
	}
	return rune(n), nil
}

// charlist reads a string, or several behind each other, which are one.
func (p *parser) charlist() (etf.Term, error) {
	l := etf.List{}
	for p.peek() == '"' {
		text, err := p.quoted('"')
		if err != nil {
			return nil, err
		}
		if err := p.claim(len(text)); err != nil {
			return nil, err
		}
		for _, c := range text {
			l = append(l, etf.Int(c))
		}
		p.blanks()
	}
	return l, nil
}
