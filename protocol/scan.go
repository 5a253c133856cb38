package protocol

import (
	"bytes"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// scanner finds the start and the end of JSON values (RFC 8259) without copying them. It counts
// brackets and skips strings; jsontext validates the values. It accepts any text.
type scanner struct {
	data []byte
	pos  int
}

// peek skips white space and returns the next byte, or 0 at the end.
func (s *scanner) peek() byte {
	for ; s.pos < len(s.data); s.pos++ {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// take reads c if it comes next, and reports whether it did.
func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

// value returns the extent of the next value. It reports false when no value begins or the text
// ends within it.
func (s *scanner) value() (jsontext.Value, bool) {
	c := s.peek()
	start := s.pos
	ok := true
	switch c {
	case 0, ',', ':', ']', '}':
		return nil, false
	case '"':
		ok = s.skipString()
	case '[', '{':
		ok = s.container()
	default:
		s.literal()
	}
	return s.data[start:s.pos], ok
}

// skipString reads the string that begins here.
func (s *scanner) skipString() bool {
	for i := s.pos + 1; ; i++ {
		n := bytes.IndexByte(s.data[i:], '"')
		if n < 0 {
			s.pos = len(s.data)
			return false
		}
		from := i
		i += n
		escaped := false
		for k := i - 1; k >= from && s.data[k] == '\\'; k-- {
			escaped = !escaped
		}
		if !escaped {
			s.pos = i + 1
			return true
		}
	}
}

// container reads the array or object that begins here.
func (s *scanner) container() bool {
	for depth := 0; s.pos < len(s.data); {
		switch s.data[s.pos] {
		case '"':
			if !s.skipString() {
				return false
			}
			continue
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
		if s.pos++; depth == 0 {
			return true
		}
	}
	return false
}

// literal reads a number or a name.
func (s *scanner) literal() {
	for ; s.pos < len(s.data); s.pos++ {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r', ',', ':', '[', ']', '{', '}', '"':
			return
		}
	}
}

// member returns the value of the first member of object that has the name.
func member(object jsontext.Value, name string) (jsontext.Value, bool) {
	s := scanner{data: object}
	if !s.take('{') {
		return nil, false
	}
	for s.peek() == '"' {
		key, ok := s.value()
		if !ok || !s.take(':') {
			return nil, false
		}
		value, ok := s.value()
		if !ok {
			return nil, false
		}
		if isText(key, name) {
			return value, true
		}
		s.take(',')
	}
	return nil, false
}

// isText reports whether v is the JSON string text, which needs no escapes.
func isText(v jsontext.Value, text string) bool {
	return len(v) == len(text)+2 && v[0] == '"' && string(v[1:len(v)-1]) == text
}

// unquote returns the text of the JSON string v, with U+FFFD for invalid UTF-8. It reports false
// for a string that breaks JSON's rules.
func unquote(v jsontext.Value, intern func([]byte) string) (string, bool) {
	inner := v[1 : len(v)-1]
	if isPlain(inner) {
		return intern(inner), true
	}
	if !v.IsValid(allowAnything...) {
		return "", false
	}
	text, _ := jsontext.AppendUnquote(nil, v) // invalid UTF-8 is its only error here
	return intern(text), true
}

// isPlain reports whether text has neither escapes nor bytes that a JSON string forbids.
func isPlain(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c == '\\' {
			return false
		}
	}
	return utf8.Valid(text)
}
