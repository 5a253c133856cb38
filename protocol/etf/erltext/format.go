package erltext

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hublink-go/hublink/protocol/etf"
)

// Format returns the text of a term in one line, without a full stop. See Append.
func Format(t etf.Term) string { return string(Append(nil, t)) }

// Append appends the text of a term to dst. It writes ? for a nil Term and for one deeper than
// etf.MaxDepth; Parse refuses that text.
func Append(dst []byte, t etf.Term) []byte { return appendTerm(dst, t, 1) }

func appendTerm(dst []byte, t etf.Term, depth int) []byte {
	if depth > etf.MaxDepth {
		return append(dst, '?')
	}
	switch t := t.(type) {
	case etf.Int:
		return strconv.AppendInt(dst, int64(t), 10)
	case etf.Big:
		return appendBig(dst, t.Int)
	case etf.Float:
		return appendFloat(dst, float64(t))
	case etf.Atom:
		return appendAtom(dst, string(t))
	case etf.Binary:
		return appendBinary(dst, t)
	case etf.Bitstring:
		return appendBits(dst, t)
	case etf.List:
		if printable(t) {
			return appendCharlist(dst, t)
		}
		return append(appendTerms(append(dst, '['), t, depth), ']')
	case etf.Improper:
		dst = append(appendTerms(append(dst, '['), t.Elems, depth), '|')
		return append(appendTerm(dst, t.Tail, depth+1), ']')
	case etf.Tuple:
		return append(appendTerms(append(dst, '{'), t, depth), '}')
	case etf.Map:
		return appendMap(dst, t, depth)
	case etf.Opaque:
		return appendOpaque(dst, t)
	}
	return append(dst, '?')
}

func appendTerms(dst []byte, ts []etf.Term, depth int) []byte {
	for i, t := range ts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendTerm(dst, t, depth+1)
	}
	return dst
}

func appendMap(dst []byte, m etf.Map, depth int) []byte {
	dst = append(dst, "#{"...)
	for i, p := range m {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendTerm(dst, p.Key, depth+1), " => "...)
		dst = appendTerm(dst, p.Value, depth+1)
	}
	return append(dst, '}')
}

func appendOpaque(dst []byte, o etf.Opaque) []byte {
	for name, kind := range opaqueNames {
		if kind == o.Kind {
			dst = append(append(append(dst, '#'), name...), '<')
			return append(hex.AppendEncode(dst, o.Raw), '>')
		}
	}
	return append(dst, '?')
}

// maxDecimal is the greatest number of bits of an integer in decimal, so that its digits stay below
// Limits.Digits.
const maxDecimal = 200_000

func appendBig(dst []byte, n *big.Int) []byte {
	switch {
	case n == nil:
		return append(dst, '?')
	case n.BitLen() <= maxDecimal:
		return n.Append(dst, 10)
	case n.Sign() < 0:
		return new(big.Int).Neg(n).Append(append(dst, "-16#"...), 16)
	}
	return n.Append(append(dst, "16#"...), 16)
}

// appendFloat appends the shortest digits that read as f, with an exponent where that is shorter or
// where floats cannot hold every integer.
func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, '?')
	}
	plain := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(plain, ".") {
		plain += ".0"
	}
	digits, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	if !strings.Contains(digits, ".") {
		digits += ".0"
	}
	n, _ := strconv.Atoi(exponent) // FormatFloat wrote it
	if short := digits + "e" + strconv.Itoa(n); len(short) < len(plain) || math.Abs(f) >= 1<<53 {
		return append(dst, short...)
	}
	return append(dst, plain...)
}

func appendAtom(dst []byte, name string) []byte {
	bare := !reserved[name] && name != "else" && name != "maybe"
	for i, c := range name {
		bare = bare && inWord(c) && (i > 0 || lower(c))
	}
	if bare && name != "" {
		return append(dst, name...)
	}
	dst = append(dst, '\'')
	for _, c := range name {
		dst = appendChar(dst, c, '\'')
	}
	return append(dst, '\'')
}

// shows reports whether a character belongs to a text, as Erlang's io_lib:printable_list decides
// it.
func shows(c rune) bool { return unicode.IsPrint(c) || c >= '\b' && c <= '\r' || c == 0x1b }

// printable reports whether a list is a text in Latin-1.
func printable(l etf.List) bool {
	for _, t := range l {
		n, ok := t.(etf.Int)
		if !ok || n < 0 || n > 0xff || !shows(rune(n)) {
			return false
		}
	}
	return len(l) > 0
}

func appendCharlist(dst []byte, l etf.List) []byte {
	dst = append(dst, '"')
	for _, t := range l {
		dst = appendChar(dst, rune(t.(etf.Int)), '"')
	}
	return append(dst, '"')
}

func appendBinary(dst []byte, b etf.Binary) []byte {
	text, ascii := len(b) > 0 && utf8.Valid(b), true
	for i := 0; i < len(b) && text; {
		c, n := utf8.DecodeRune(b[i:])
		text, ascii = shows(c), ascii && n == 1
		i += n
	}
	if !text {
		return append(appendOctets(append(dst, "<<"...), b), ">>"...)
	}
	dst = append(dst, `<<"`...)
	for _, c := range string(b) {
		dst = appendChar(dst, c, '"')
	}
	if ascii {
		return append(dst, `">>`...)
	}
	return append(dst, `"/utf8>>`...)
}

func appendOctets(dst, b []byte) []byte {
	for i, c := range b {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, int64(c), 10)
	}
	return dst
}

func appendBits(dst []byte, b etf.Bitstring) []byte {
	n := len(b.Bytes)
	if n == 0 || b.Last < 1 || b.Last > 7 {
		return append(dst, '?')
	}
	last := b.Bytes[n-1] >> (8 - b.Last)
	dst = appendOctets(append(dst, "<<"...), append(b.Bytes[:n-1:n-1], last))
	return append(fmt.Appendf(dst, ":%d", b.Last), ">>"...)
}

// names are the letters of escaped characters.
var names = map[rune]byte{
	'\b': 'b',
	0x7f: 'd',
	0x1b: 'e',
	'\f': 'f',
	'\n': 'n',
	'\r': 'r',
	'\t': 't',
	'\v': 'v',
}

// appendChar appends a character of a quoted text.
func appendChar(dst []byte, c, quote rune) []byte {
	if name, ok := names[c]; ok {
		return append(dst, '\\', name)
	}
	switch {
	case c == quote || c == '\\':
		return append(dst, '\\', byte(c))
	case unicode.IsPrint(c):
		return utf8.AppendRune(dst, c)
	case c < 0xa0:
		return fmt.Appendf(dst, `\%03o`, c)
	}
	return fmt.Appendf(dst, `\x{%X}`, c)
}
