package transport

import (
	"compress/flate"
	"sync"
	"weak"
)

const (
	// minDeflate is the size below which a message is not compressed: the time costs more than the
	// bytes. The value is a decision.
	minDeflate = 128
	// maxRatio is the ratio above which a message is sent uncompressed: NervesHub takes a message that
	// inflates more than 25:1 as an attack and closes with 1009.
	maxRatio = 20
	// level selects the fast matcher: a slower one does not shrink small JSON further.
	level = flate.BestSpeed
)

// syncTail is the end of every flushed piece of deflate. The sender removes it (RFC 7692 section
// 7.2.1).
const syncTail = "\x00\x00\xff\xff"

// window is the data that one end refers back to when it compresses.
type window struct {
	size    int
	keep    bool   // keep the history from message to message
	history []byte // at least the last size bytes of the compressed messages
}

func newWindow(alone bool, bits int) window {
	if bits == 0 {
		bits = maxBits
	}
	return window{size: 1 << bits, keep: !alone}
}

// add appends p, a compressed message, to the history. It does not drop old data each time, because
// moving the rest takes longer than compressing a small message.
func (w *window) add(p []byte) {
	if !w.keep {
		return
	}
	switch n := len(w.history) + len(p); {
	case len(p) >= w.size:
		w.history, p = w.history[:0], p[len(p)-w.size:]
	case n > w.size+w.size/8:
		w.history = w.history[:copy(w.history, w.history[n-w.size:])]
	}
	w.history = append(w.history, p...)
}

// compressor is a deflate stream and its output. It takes about one megabyte.
type compressor struct {
	w   *flate.Writer
	out []byte
}

// Write receives the output of the stream.
func (c *compressor) Write(p []byte) (int, error) {
	c.out = append(c.out, p...)
	return len(p), nil
}

var compressors = sync.Pool{New: func() any {
	c := &compressor{}
	c.w, _ = flate.NewWriter(c, level) // its only error is an unknown level
	return c
}}

// deflater compresses the messages that one end sends. It must keep only the history. It holds the
// stream by a weak pointer, so that a busy link uses it again and the collector frees that of an
// idle link.
type deflater struct {
	window
	stream weak.Pointer[compressor]
}

// compress appends the compressed form of p to dst. It reports false when p is to be sent
// uncompressed.
func (d *deflater) compress(dst, p []byte) (out []byte, ok bool) {
	if len(p) < minDeflate || d.size < 1<<maxBits && len(p) > d.size {
		return dst, false
	}
	c := d.stream.Value()
	if c == nil {
		c = d.start(len(p))
	}
	c.out = dst
	_, _ = c.w.Write(p) // into memory, as is the flush
	_ = c.w.Flush()
	out, c.out = c.out[:len(c.out)-len(syncTail)], nil
	n := len(out) - len(dst)
	ok = n < len(p) && len(p) <= maxRatio*n
	switch {
	case ok && d.keep && d.size == 1<<maxBits:
		d.stream = weak.Make(c)
	default: // the stream does not have the history that the receiver has
		d.stream = weak.Pointer[compressor]{}
		compressors.Put(c)
	}
	if !ok {
		return dst, false
	}
	d.add(p)
	return out, true
}

// start returns a stream with the part of the history that, together with a message of n bytes,
// fits the window. The matcher always looks back 32 KiB.
func (d *deflater) start(n int) *compressor {
	c := compressors.Get().(*compressor) //nolint:forcetypeassert // the pool is ours
	c.w.Reset(c)
	h := d.history[max(0, len(d.history)-d.size):]
	if d.size < 1<<maxBits {
		h = h[max(0, len(h)+n-d.size):]
	}
	if len(h) > 0 {
		_, _ = c.w.Write(h)
		_ = c.w.Flush()
	}
	return c
}
