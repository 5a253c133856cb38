package hub

import (
	"strings"
	"unicode/utf8"
)

// ReasonMax is the longest reason that a device sends, in bytes; constructors cut a longer one.
const ReasonMax = 1024

// tidy returns text as valid UTF-8 without control characters, because the hub's database refuses
// NUL. It keeps those of a program's output: line ends, tabs, escapes.
func tidy(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\r', r == '\t', r == '\x1b':
			return r
		case r < ' ', r == 0x7f:
			return ' '
		default:
			return r
		}
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// clean returns tidy text of at most limit bytes, cut between runes.
func clean(text string, limit int) string {
	text = tidy(text)
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
