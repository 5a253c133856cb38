package etf

// Limits bound the cost of decoding one term. Zero fields mean the default. The defaults are
// decisions.
type Limits struct {
	Bytes    int // of the input; default 16 MiB
	Inflated int // of a compressed term's contents; default 8 MiB
	Depth    int // of nesting, a term that is not nested has 1; default 512, never more than MaxDepth
	Elements int // of all lists, tuples and maps together; a pair counts as two; default 262,144
}

// MaxDepth is the highest limit of depth for decoding, and the limit for encoding. Both are
// recursive, and a full stack ends the process.
const MaxDepth = 120_000

const (
	defaultBytes    = 16 << 20
	defaultInflated = 8 << 20
	defaultDepth    = 512
	defaultElements = 1 << 18
)

func (l Limits) withDefaults() Limits {
	l.Bytes = orDefault(l.Bytes, defaultBytes)
	l.Inflated = orDefault(l.Inflated, defaultInflated)
	l.Depth = min(orDefault(l.Depth, defaultDepth), MaxDepth)
	l.Elements = orDefault(l.Elements, defaultElements)
	return l
}

func orDefault(n, def int) int {
	if n <= 0 {
		return def
	}
	return n
}
