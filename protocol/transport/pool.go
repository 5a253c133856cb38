package transport

import "sync"

// readSize is the size of a read buffer. Longer payloads are read straight into the message.
const readSize = 4 << 10

// firstSize is how much of a frame is read before a buffer is taken for it, where that is not known to be free of waiting: most messages are
// shorter, so they cost one read, and a link keeps this much.
const firstSize = 256

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
