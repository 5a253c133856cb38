package transport

import (
	"compress/flate"
	"sync"
	"weak"
)

const (
	// minDeflate is the size below which compressing a message is not worth its time.
	minDeflate = 128
	// maxRatio is the ratio above which a message goes out as it is: the hub takes one that inflates
	// more than 25:1 for a bomb and closes with 1009.
	maxRatio = 20
	// level is that of the fast matcher: small JSON shrinks no further with a slower one.
	level = flate.BestSpeed
)

// syncTail is what ends every flushed piece of deflate. It is not sent (RFC 7692 section 7.2.1).
const syncTail = "\x00\x00\xff\xff"

// window is what one end may refer back to when it compresses.
type window struct {
	size    int
	keep    bool   // from message to message
	history []byte // the last bytes that went through deflate, size of them and some more
}

func newWindow(alone bool, bits int) window {
	if bits == 0 {
		bits = maxBits
	}
	return window{size: 1 << bits, keep: !alone}
}

// add makes p, a message that went through deflate, the latest history. What is too old is not
// dropped every time: moving the rest takes longer than compressing a small message.
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

// compressor is a deflate stream and where its output goes. It takes about a megabyte.
type compressor struct {
	w   *flate.Writer
	out []byte
}

// Write takes output of the stream.
func (c *compressor) Write(p []byte) (int, error) {
	c.out = append(c.out, p...)
	return len(p), nil
}

var compressors = sync.Pool{New: func() any {
	c := &compressor{}
	c.w, _ = flate.NewWriter(c, level) // fails for unknown levels only
	return c
}}

// deflater compresses the messages that one end sends. The history alone is what it must remember:
// the stream is held weakly, so that a busy link goes on with it and an idle one gives its megabyte
// to the collector.
type deflater struct {
	window
	stream weak.Pointer[compressor]
}

// compress appends p to dst in compressed form, unless it had better be sent as it is. The receiver
// knows p from then on.
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
	default: // what the stream remembers is not, or not only, what the receiver knows
		d.stream = weak.Pointer[compressor]{}
		compressors.Put(c)
	}
	if !ok {
		return dst, false
	}
	d.add(p)
	return out, true
}

// start returns a stream that remembers the history, as far as it and a message of n bytes lie within
// the window: the matcher itself always looks back 32 KiB.
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
