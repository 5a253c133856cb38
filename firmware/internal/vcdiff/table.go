package vcdiff

// Kinds of instructions (RFC 3284 section 5.4).
const (
	noop = iota
	add
	run
	copying
)

// instruction is one half of an entry of the code table. Size 0 means that the size follows.
type instruction struct {
	kind, mode byte
	size       int
}

const (
	nearSlots = 4
	sameSlots = 3
	modes     = 2 + nearSlots + sameSlots

	modeSelf = 0
	modeHere = 1
	modeNear = 2
	modeSame = modeNear + nearSlots
)

// codeTable returns the default code table (RFC 3284 section 5.6).
func codeTable() *[256][2]instruction {
	var t [256][2]instruction
	at := 0
	put := func(a, b instruction) { t[at] = [2]instruction{a, b}; at++ }
	put(instruction{kind: run}, instruction{})
	for size := range 18 {
		put(instruction{kind: add, size: size}, instruction{})
	}
	for mode := range byte(modes) {
		put(instruction{kind: copying, mode: mode}, instruction{})
		for size := 4; size <= 18; size++ {
			put(instruction{kind: copying, mode: mode, size: size}, instruction{})
		}
	}
	for mode := range byte(modes) {
		most := 6
		if mode >= modeSame {
			most = 4
		}
		for size := 1; size <= 4; size++ {
			for n := 4; n <= most; n++ {
				put(instruction{kind: add, size: size}, instruction{kind: copying, mode: mode, size: n})
			}
		}
	}
	for mode := range byte(modes) {
		put(instruction{kind: copying, mode: mode, size: 4}, instruction{kind: add, size: 1})
	}
	return &t
}

// addressCache is the addresses of the last copies (RFC 3284 section 5.1).
type addressCache struct {
	near [nearSlots]int64
	next int
	same [sameSlots * 256]int64
}

func (c *addressCache) update(addr int64) {
	c.near[c.next] = addr
	c.next = (c.next + 1) % nearSlots
	c.same[addr%int64(len(c.same))] = addr
}
