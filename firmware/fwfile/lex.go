package fwfile

import (
	"fmt"
	"strings"
)

// token is one token of libconfuse's syntax: a string, or one of { } ( ) = + , where + stands
// for "+=". The kind 0 is the end of the text.
type token struct {
	kind byte
	text string
	line int
}

const tokenString = 's'

// lexer splits meta.conf into tokens (libconfuse, lexer.l). It knows comments (#, //, /* */),
// strings in double quotes with escapes and variables, strings in single quotes, and bare words.
type lexer struct {
	src  string
	pos  int
	line int
	env  func(name string) (string, bool)
}

func (l *lexer) errorf(format string, args ...any) error {
	return fmt.Errorf("line %d: %s", l.line, fmt.Sprintf(format, args...))
}

// next returns the next token.
func (l *lexer) next() (token, error) {
	if err := l.skip(); err != nil {
		return token{}, err
	}
	if l.pos == len(l.src) {
		return token{line: l.line}, nil
	}
	line := l.line
	switch c := l.src[l.pos]; c {
	case '{', '}', '(', ')', '=', ',':
		l.pos++
		return token{kind: c, line: line}, nil
	case '+':
		if !strings.HasPrefix(l.src[l.pos:], "+=") {
			return token{}, l.errorf("a + without =")
		}
		l.pos += 2
		return token{kind: '+', line: line}, nil
	case '"':
		text, err := l.quoted()
		return token{kind: tokenString, text: text, line: line}, err
	case '\'':
		text, err := l.verbatim()
		return token{kind: tokenString, text: text, line: line}, err
	default:
		text, err := l.word()
		return token{kind: tokenString, text: text, line: line}, err
	}
}

// skip passes over white space and comments.
func (l *lexer) skip() error {
	for l.pos < len(l.src) {
		rest := l.src[l.pos:]
		switch {
		case rest[0] == '\n':
			l.line++
			l.pos++
		case rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r':
			l.pos++
		case rest[0] == '#' || strings.HasPrefix(rest, "//"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			l.pos += n
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				return l.errorf("a comment without an end")
			}
			l.line += strings.Count(rest[:n+4], "\n")
			l.pos += n + 4
		default:
			return nil
		}
	}
	return nil
}

// word reads a string without quotes, or a variable that stands alone.
func (l *lexer) word() (string, error) {
	if strings.HasPrefix(l.src[l.pos:], "${") {
		return l.variable()
	}
	start := l.pos
	for l.pos < len(l.src) {
		rest := l.src[l.pos:]
		if strings.IndexByte(" #\"'\t\n\r={}()+,", rest[0]) >= 0 ||
			strings.HasPrefix(rest, "//") || strings.HasPrefix(rest, "/*") {
			break
		}
		l.pos++
	}
	return l.src[start:l.pos], nil
}

// variable reads ${NAME} or ${NAME:-default}. A variable that is not set is an error, because an
// archive must mean the same wherever it is applied.
func (l *lexer) variable() (string, error) {
	n := strings.IndexByte(l.src[l.pos:], '}')
	if n < 0 {
		return "", l.errorf("a variable without }")
	}
	inner := l.src[l.pos+2 : l.pos+n]
	l.line += strings.Count(inner, "\n")
	l.pos += n + 1
	name, fallback, hasFallback := strings.Cut(inner, ":-")
	if value, ok := l.env(name); ok {
		return value, nil
	}
	if hasFallback {
		return fallback, nil
	}
	return "", l.errorf("the variable %.100q is not set", name)
}

// verbatim reads a string in single quotes.
func (l *lexer) verbatim() (string, error) {
	var b strings.Builder
	for l.pos++; l.pos < len(l.src); l.pos++ {
		switch c := l.src[l.pos]; {
		case c == '\'':
			l.pos++
			return b.String(), nil
		case c == '\\' && l.pos+1 < len(l.src):
			l.pos++
			switch d := l.src[l.pos]; d {
			case '\n':
				l.line++
			case '\\', '\'':
				b.WriteByte(d)
			default:
				b.WriteByte(c)
				b.WriteByte(d)
			}
		default:
			if c == '\n' {
				l.line++
			}
			b.WriteByte(c)
		}
	}
	return "", l.errorf("a string without an end")
}

// quoted reads a string in double quotes.
func (l *lexer) quoted() (string, error) {
	var b strings.Builder
	l.pos++
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == '"':
			l.pos++
			return b.String(), nil
		case c == '\\':
			if err := l.escape(&b); err != nil {
				return "", err
			}
		case c == '$' && strings.HasPrefix(l.src[l.pos:], "${"):
			value, err := l.variable()
			if err != nil {
				return "", err
			}
			b.WriteString(value)
		default:
			if c == '\n' {
				l.line++
			}
			b.WriteByte(c)
			l.pos++
		}
	}
	return "", l.errorf("a string without an end")
}

// escapes are the escape sequences of one letter in strings in double quotes.
var escapes = map[byte]byte{
	'n': '\n', 'r': '\r', 'b': '\b', 'f': '\f', 'a': '\a', 'e': 0x1b, 't': '\t', 'v': '\v',
}

// escape reads the escape sequence at the position of the lexer.
func (l *lexer) escape(b *strings.Builder) error {
	rest := l.src[l.pos+1:]
	if rest == "" {
		return l.errorf("a string without an end")
	}
	switch c := rest[0]; {
	case c == '\n':
		l.line++
		l.pos += 2
	case c >= '0' && c <= '9':
		return l.octal(b, rest)
	case c == 'x' && digits(rest[1:], 2, 16) > 0:
		n := digits(rest[1:], 2, 16)
		b.WriteByte(byte(number(rest[1:1+n], 16)))
		l.pos += 2 + n
	default:
		if e, ok := escapes[c]; ok {
			c = e
		}
		b.WriteByte(c)
		l.pos += 2
	}
	return nil
}

// octal reads up to three octal digits; more digits, or others, are an error.
func (l *lexer) octal(b *strings.Builder, rest string) error {
	n := digits(rest, len(rest), 10)
	octal := digits(rest, 3, 8)
	if n > octal || number(rest[:octal], 8) > 0xff {
		return l.errorf("bad escape sequence \\%.20s", rest[:n])
	}
	b.WriteByte(byte(number(rest[:octal], 8)))
	l.pos += 1 + octal
	return nil
}

// digits counts the digits of base at the beginning of s, at most limit.
func digits(s string, limit int, base byte) int {
	n := 0
	for n < len(s) && n < limit && digit(s[n]) < base {
		n++
	}
	return n
}

func number(s string, base int) int {
	v := 0
	for i := range len(s) {
		v = v*base + int(digit(s[i]))
	}
	return v
}

// digit returns the value of a digit, or 255.
func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	default:
		return 255
	}
}
