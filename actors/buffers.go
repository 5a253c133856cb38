package actors

import "sync"

// maxKept is the capacity above which a buffer is left to the collector.
const maxKept = 64 << 10

// bufferPool keeps byte slices for those who need one for a moment.
type bufferPool struct {
	pool sync.Pool
	size int // capacity of a new one
}

var (
	writeBuffers = bufferPool{size: 1024}      // that messages are encoded into
	chunks       = bufferPool{size: chunkSize} // pieces of firmware on their way to an applier
)

// get returns an empty slice.
func (p *bufferPool) get() *[]byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		*b = (*b)[:0]
		return b
	}
	b := make([]byte, 0, p.size)
	return &b
}

func (p *bufferPool) put(b *[]byte) {
	if cap(*b) <= maxKept {
		p.pool.Put(b)
	}
}
