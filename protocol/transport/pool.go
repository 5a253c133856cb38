package transport

import "sync"

// readSize is the size of a read buffer. A longer payload is read directly into the message.
const readSize = 4 << 10

// Sizes of the memory that a link keeps for the start of a frame, where it cannot wait for the
// descriptor to become readable.
const (
	firstSize   = 256 // most messages are shorter and need one read
	firstInPipe = 2   // the shortest frame; a second read in memory is cheap
)

// maxKept is the capacity above which the pool does not keep a write buffer.
const maxKept = 128 << 10

// All links share the buffers, because a link needs one only while it reads or writes.
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
