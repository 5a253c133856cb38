package transport

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/hublink-go/hublink/protocol"
)

// errDeflate is the reason for a message that is not valid deflate.
var errDeflate = errors.New("compressed message is damaged")

// inflateTail ends the stream of a message: the bytes that the sender removed (RFC 7692 section
// 7.2.2), and an empty last block.
const inflateTail = syncTail + "\x01\x00\x00\xff\xff"

// maxStreams is the greatest number of last blocks in a message. A sender that ends its stream with
// every message has one. The value is a decision.
const maxStreams = 16

// decompressor is a reader of deflate with its input.
type decompressor struct {
	in bytes.Reader
	r  io.Reader // a flate.Resetter too
}

var decompressors = sync.Pool{New: func() any {
	z := &decompressor{}
	z.r = flate.NewReader(&z.in)
	return z
}}

func (z *decompressor) reset(history []byte) {
	_ = z.r.(flate.Resetter).Reset(
		&z.in,
		history,
	) //nolint:forcetypeassert // as flate promises; there is nothing to fail
}

// inflater restores the messages that the peer compressed.
type inflater struct{ window }

// inflate appends the message of payload, which ends with inflateTail, to the empty dst. The error
// is a *CloseError: 1009 for more than limit bytes, 1007 for invalid deflate.
func (i *inflater) inflate(dst, payload []byte, limit int) ([]byte, error) {
	z := decompressors.Get().(*decompressor) //nolint:forcetypeassert // the pool is ours
	defer decompressors.Put(z)
	z.in.Reset(payload)
	defer z.in.Reset(nil)
	z.reset(i.history)
	for streams := 1; ; {
		dst = slices.Grow(dst, 1+min(limit-len(dst), max(512, len(dst))))
		n, err := z.r.Read(dst[len(dst):min(cap(dst), limit+1)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst) > limit:
			return dst, &CloseError{
				Code: protocol.CloseTooBig,
				Err:  fmt.Errorf("%w: inflates to over %d bytes", ErrMessageTooBig, limit),
			}
		case err == nil:
		case err == io.EOF && (z.in.Len() == 0 || z.in.Len() == len(inflateTail)):
			i.add(dst)
			return dst, nil
		case err == io.EOF && streams < maxStreams:
			streams++
			z.reset(i.upTo(dst))
		default:
			return dst, &CloseError{
				Code: protocol.CloseInvalidData, Err: fmt.Errorf("%w: %w", errDeflate, err),
			}
		}
	}
}

// upTo returns the history with the start of a message: a last block ends a stream, but later
// blocks can refer to the data before it.
func (i *inflater) upTo(msg []byte) []byte {
	w := window{size: i.size, keep: true, history: slices.Clone(i.history)}
	w.add(msg)
	return w.history
}
