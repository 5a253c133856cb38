package transport

import "sync"

// readSize is the size of a read buffer. Longer payloads are read straight into the message.
const readSize = 4 << 10

// What is read of a frame before a buffer is taken for it, where that is not known to be free of
// waiting. A link keeps as much.
const (
	firstSize   = 256 // most messages are shorter, so they cost one read
	firstInPipe = 2   // the shortest frame; in memory a second read costs nothing
)

// maxKept is the capacity above which a write buffer is left to the collector.
const maxKept = 128 << 10

// Buffers are shared by all links, because a link holds one only while bytes are on their way.
var (
	readBuffers  = sync.Pool{New: func() any { return new([readSize]byte) }}
	writeBuffers = sync.Pool{New: func() any { return new([]byte) }}
)

func getReadBuffer() *[readSize]byte {
	return readBuffers.Get().(*[readSize]byte) //nolint:forcetypeassert // the pool is ours
}

func getWriteBuffer() *[]byte {
	return writeBuffers.Get().(*[]byte) //nolint:forcetypeassert // the pool is ours
}

func putWriteBuffer(b *[]byte) {
	if cap(*b) > maxKept {
		return
	}
	*b = (*b)[:0]
	writeBuffers.Put(b)
}
