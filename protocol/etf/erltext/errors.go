package erltext

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/hublink-go/hublink/protocol/etf"
)

// Errors of reading.
var (
	ErrEmpty      = errors.New("read term: there is nothing but blanks and comments")
	ErrIncomplete = errors.New(
		"term goes on",
	) // what a *SyntaxError at the end of the text is: more text may make it a term
)

// SyntaxError is the reason why a text is not a term, with its place.
type SyntaxError struct {
	Line, Column int    // from 1; columns count characters
	Reason       string // expected and found
	incomplete   bool
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("read term: line %d, column %d: %s", e.Line, e.Column, e.Reason)
}

// Is makes errors.Is(err, ErrIncomplete) work.
func (e *SyntaxError) Is(target error) bool { return target == ErrIncomplete && e.incomplete }

// LimitError names the exceeded limit and its place. errors.Is reports it as etf.ErrLimit.
type LimitError struct {
	Line, Column int
	Limit        string // bytes of text, octets of binaries, levels of depth, elements, digits
	Max          int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf(
		"read term: line %d, column %d: more than %d %s",
		e.Line,
		e.Column,
		e.Max,
		e.Limit,
	)
}

// Is makes errors.Is(err, etf.ErrLimit) work.
func (e *LimitError) Is(target error) bool { return target == etf.ErrLimit }

func show(c rune) string {
	switch {
	case c == end:
		return "the end"
	case c == utf8.RuneError:
		return "what is not UTF-8"
	case c == '\n':
		return "the end of the line"
	}
	return strconv.QuoteRune(c)
}
