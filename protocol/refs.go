package protocol

import "strconv"

// Refs are decimal numbers from "1" on that rise as long as the Socket lives, as in the Phoenix
// JavaScript client. The first ten thousand are slices of one string, so that they need no
// allocation; a later ref needs a small one.
const (
	sharedRefs   = 10_000
	sharedDigits = 4
)

var refDigits = allRefDigits()

func allRefDigits() string {
	text := make([]byte, 0, sharedRefs*sharedDigits)
	for n := range sharedRefs {
		text = append(text, byte('0'+n/1000), byte('0'+n/100%10), byte('0'+n/10%10), byte('0'+n%10))
	}
	return string(text)
}

// refText returns the decimal form of n.
func refText(n uint64) string {
	if n >= sharedRefs {
		return strconv.FormatUint(n, 10)
	}
	end := int(n+1) * sharedDigits
	width := 1
	for limit := uint64(10); n >= limit; limit *= 10 {
		width++
	}
	return refDigits[end-width : end]
}

// refNumber returns the number of a ref that refText wrote. It reports false for any other text,
// leading zeros included.
func refNumber[T ~string | ~[]byte](text T) (uint64, bool) {
	if len(text) == 0 || len(text) > 19 || text[0] == '0' {
		return 0, false
	}
	var n uint64
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		n = n*10 + uint64(text[i]-'0')
	}
	return n, true
}

// internRef returns text as a string, without allocating for low refs.
func internRef(text []byte) string {
	if n, ok := refNumber(text); ok && n < sharedRefs {
		return refText(n)
	}
	return string(text)
}

// RefBefore reports whether a Socket sent the message with ref a before the message with ref b. It
// reports false for a text that is no ref of a Socket.
func RefBefore(a, b string) bool {
	x, okX := refNumber(a)
	y, okY := refNumber(b)
	return okX && okY && x < y
}
