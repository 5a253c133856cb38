package erltext

import (
	"strings"
	"unicode/utf8"
)

// scanner reads characters and tokens: blanks, words, digits, quoted text.
type scanner struct {
	text   string
	pos    int
	cut    bool // the text was cut at the limit
	limits Limits
}

// end is the character of peek after the end of the text.
const end rune = -1

func blank(c rune) bool { return c >= 0 && c <= ' ' || c >= 0x80 && c <= 0xa0 }

// peek returns the next character, utf8.RuneError for invalid UTF-8 too.
func (s *scanner) peek() rune {
	if s.pos >= len(s.text) {
		return end
	}
	c, _ := utf8.DecodeRuneInString(s.text[s.pos:])
	return c
}

// next skips one character.
func (s *scanner) next() {
	_, n := utf8.DecodeRuneInString(s.text[s.pos:])
	s.pos += n
}

// skip reads the ASCII text what if it is next, and reports whether it was.
func (s *scanner) skip(what string) bool {
	if !strings.HasPrefix(s.text[s.pos:], what) {
		return false
	}
	s.pos += len(what)
	return true
}

// blanks skips blanks and comments.
func (s *scanner) blanks() {
	for {
		c := s.peek()
		switch {
		case blank(c):
			s.next()
		case c == '%':
			n := strings.IndexByte(s.text[s.pos:], '\n')
			if n < 0 {
				n = len(s.text) - s.pos
			}
			s.pos += n
		default:
			return
		}
	}
}

// stop reads the full stop after a term.
func (s *scanner) stop() error {
	if s.blanks(); !s.skip(".") {
		return s.expected(`"." behind the term`)
	}
	if c := s.peek(); c != end && !blank(c) && c != '%' {
		return s.expected(`a blank behind "."`)
	}
	return nil
}

// word reads the characters of a word.
func (s *scanner) word() string {
	start := s.pos
	for inWord(s.peek()) {
		s.next()
	}
	return s.text[start:s.pos]
}

// digits reads one or more digits and drops single underscores between them.
func (s *scanner) digits(base int) (string, error) {
	start := s.pos
	is := func(i int) bool { return i < len(s.text) && value(s.text[i]) < base }
	for is(s.pos) || s.pos > start && s.text[s.pos-1] != '_' && s.pos < len(s.text) &&
		s.text[s.pos] == '_' && is(s.pos+1) {
		s.pos++
	}
	if s.pos == start {
		return "", s.expected("a digit")
	}
	return strings.ReplaceAll(s.text[start:s.pos], "_", ""), nil
}

// wrong returns an error at offset at.
func (s *scanner) wrong(at int, reason string) error {
	line, column := s.place(at)
	return &SyntaxError{Line: line, Column: column, Reason: reason}
}

// expected returns the error that another character was found.
func (s *scanner) expected(what string) error {
	if s.cut && s.pos >= len(s.text)-utf8.UTFMax {
		return s.beyond("bytes of text", s.limits.Bytes)
	}
	c := s.peek()
	line, column := s.place(s.pos)
	return &SyntaxError{
		Line:       line,
		Column:     column,
		Reason:     "expected " + what + ", found " + show(c),
		incomplete: c == end,
	}
}

func (s *scanner) beyond(limit string, most int) error {
	line, column := s.place(s.pos)
	return &LimitError{Line: line, Column: column, Limit: limit, Max: most}
}

// place returns line and column of an offset.
func (s *scanner) place(at int) (line, column int) {
	before := s.text[:at]
	line = 1 + strings.Count(before, "\n")
	return line, 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}
