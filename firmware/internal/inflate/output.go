package inflate

// output is the piece that is being decoded, behind the history that matches may copy from.
type output struct {
	out   []byte
	end   int    // of the piece in out
	total uint64 // bytes of the stream so far, for distances

	matchLeft int // bytes of a match that did not fit into the piece
	matchBack int
}

// begin moves the history to its place before the next piece.
func (d *output) begin() {
	copy(d.out[:window], d.out[d.end-window:d.end])
	d.end = window
}

// match copies as much of a match as the piece has room for.
func (d *output) match() {
	n := min(d.matchLeft, len(d.out)-d.end)
	repeat(d.out, d.end, n, d.matchBack)
	d.end, d.matchLeft, d.total = d.end+n, d.matchLeft-n, d.total+uint64(n) //nolint:gosec // positive
}

// repeat writes n bytes at a place of b that repeat those back bytes before it.
func repeat(b []byte, at, n, back int) {
	from := at - back
	if back >= n {
		copy(b[at:at+n], b[from:from+n])
		return
	}
	for i := range n {
		b[at+i] = b[from+i]
	}
}
