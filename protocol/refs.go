package protocol

import "strconv"

// Refs are decimal numbers, "1" first, that rise over the life of the connection object. The first
// ten thousand are slices of one string, so that neither giving nor reading one allocates; a
// connection that lives longer pays one small allocation a message.
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

// refNumber reads what refText wrote; anything else, leading zeros too, is not a ref of ours.
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

// RefBefore reports whether the message with ref a was sent before the one with ref b. Both are
// refs given by a Socket; for anything else it is false.
func RefBefore(a, b string) bool {
	x, okX := refNumber(a)
	y, okY := refNumber(b)
	return okX && okY && x < y
}
