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

// errDeflate is what a peer did that sent a message which is no deflate.
var errDeflate = errors.New("compressed message is damaged")

// inflateTail ends a message's stream: what the sender has left out, and an empty last block.
const inflateTail = syncTail + "\x01\x00\x00\xff\xff"

// maxStreams is how many last blocks a message may have. A sender that ends its stream with every
// message has one.
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

// inflater restores the messages that the other end has compressed.
type inflater struct{ window }

// inflate appends to dst, which is empty, what payload stands for, which ends with inflateTail. The
// error is a *CloseError: 1009 as soon as there are more than limit bytes, 1007 when it is no
// deflate.
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

// upTo is the history with a message that is not over yet: a last block ends a stream and not what
// it may refer to.
func (i *inflater) upTo(msg []byte) []byte {
	w := window{size: i.size, keep: true, history: slices.Clone(i.history)}
	w.add(msg)
	return w.history
}
