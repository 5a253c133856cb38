package etf

import (
	"errors"
	"fmt"
)

// ErrLimit means that a term exceeds a limit. The error is a *LimitError.
var ErrLimit = errors.New("term is beyond a limit")

// Position is the place of an error in the input.
type Position struct {
	Offset   int  // bytes; the version octet is at 0
	Inflated bool // Offset counts the inflated contents of a compressed term, from its first tag
}

func (p Position) String() string {
	if p.Inflated {
		return fmt.Sprintf("byte %d of the inflated term", p.Offset)
	}
	return fmt.Sprintf("byte %d", p.Offset)
}

// SyntaxError means that OTP would not read the input. The error contains no part of the input.
type SyntaxError struct {
	Position
	Reason string // a fixed text
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("decode term: %s at %v", e.Reason, e.Position)
}

// LimitError names the exceeded limit. errors.Is reports it as ErrLimit.
type LimitError struct {
	Position        // zero when encoding
	Limit    string // bytes, inflated bytes, depth, elements
	Max      int
}

func (e *LimitError) Error() string {
	if e.Position == (Position{}) {
		return fmt.Sprintf("encode term: more than %d %s; does a value contain itself?", e.Max, e.Limit)
	}
	return fmt.Sprintf(
		"decode term: more than %d %s at %v; raise Decoder.Limits if such terms are expected",
		e.Max,
		e.Limit,
		e.Position,
	)
}

// Is makes errors.Is(err, ErrLimit) work.
func (e *LimitError) Is(target error) bool { return target == ErrLimit }

// UnknownAtomError is the refusal of an atom that Decoder.Atoms does not have.
type UnknownAtomError struct {
	Position
	Name string
}

func (e *UnknownAtomError) Error() string {
	return fmt.Sprintf(
		"decode term: unknown atom %q at %v; list it in Decoder.Atoms if it is expected",
		e.Name,
		e.Position,
	)
}

// KindError is the refusal of a pid, reference, port or fun.
type KindError struct {
	Position
	Kind Kind
}

func (e *KindError) Error() string {
	return fmt.Sprintf("decode term: a %v is not accepted, at %v", e.Kind, e.Position)
}

// TypeError means that a Go value and a term do not fit each other.
type TypeError struct {
	Path string // of the value: .Field, [3], [key]; empty for the value itself
	Term string // type of the term, found or expected
	Go   string // the Go type
	Why  string // details, or ""
}

func (e *TypeError) Error() string {
	text := fmt.Sprintf("map term: %s and Go %s do not fit", e.Term, e.Go)
	if e.Path != "" {
		text += " at " + e.Path
	}
	if e.Why != "" {
		text += ": " + e.Why
	}
	return text
}
