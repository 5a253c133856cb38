package erltext

import (
	"strconv"
	"unicode/utf8"
)

// escapes are the letters with a meaning after a backslash. Other characters mean themselves.
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
func (s *scanner) quoted(quote rune) ([]rune, error) {
	s.next()
	var out []rune
	for {
		if s.peek() == quote {
			s.next()
			return out, nil
		}
		if s.peek() == end {
			return nil, s.expected(`a closing ` + string(quote))
		}
		c, err := s.char()
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
}

// char reads a character or an escape.
func (s *scanner) char() (rune, error) {
	at := s.pos
	c := s.peek()
	if c == end || s.broken() {
		return 0, s.expected("a character")
	}
	if s.next(); c != '\\' {
		return c, nil
	}
	c = s.peek()
	switch {
	case c == end || s.broken():
		return 0, s.expected("what is escaped")
	case c >= '0' && c <= '7':
		return s.code(at, 8, s.run(8, 3))
	case s.skip("x{"):
		digits := s.run(16, utf8.UTFMax*2)
		if digits == "" || !s.skip("}") {
			return 0, s.expected(`hexadecimal digits and "}"`)
		}
		return s.code(at, 16, digits)
	case s.skip("x"):
		digits := s.run(16, 2)
		if len(digits) < 2 {
			return 0, s.expected("two hexadecimal digits")
		}
		return s.code(at, 16, digits)
	case s.skip("^"):
		if c = s.peek(); c < '?' || c > 'z' {
			return 0, s.expected("a letter")
		}
		if s.next(); c == '?' {
			return 0x7f, nil
		}
		return c & 0x1f, nil
	}
	s.next()
	if meant, ok := escapes[c]; ok {
		return meant, nil
	}
	return c, nil
}

// broken reports whether the next bytes are invalid UTF-8. U+FFFD itself is valid.
func (s *scanner) broken() bool {
	c, n := utf8.DecodeRuneInString(s.text[s.pos:])
	return c == utf8.RuneError && n <= 1
}

// run reads at most most digits.
func (s *scanner) run(base, most int) string {
	start := s.pos
	for s.pos < len(s.text) && s.pos < start+most && value(s.text[s.pos]) < base {
		s.pos++
	}
	return s.text[start:s.pos]
}

// code returns the character with the number in digits.
func (s *scanner) code(at, base int, digits string) (rune, error) {
	n, err := strconv.ParseInt(digits, base, 32)
	if err != nil || !utf8.ValidRune(rune(n)) {
		return 0, s.wrong(at, "there is no such character")
	}
	return rune(n), nil
}
