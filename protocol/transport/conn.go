package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/hublink-go/hublink/protocol"
)

// conn runs the protocol over a byte stream. It has no goroutine: the caller of ReadMessage reads.
//
// A holder of reading may take writing, a holder of writing must not take reading.
type conn struct {
	nc     net.Conn
	limits Limits
	agreed *deflated // nil means no compression

	reading lock // guards the six below
	src     source
	dec     Decoder
	pongs   pace
	ended   error // why reading ended
	onPong  func(payload []byte)
	answer  func(code int) int // code of the answer to a close frame; nil repeats its code

	writing lock // guards out
	out     outgoing

	// closeBy is the end of the close in progress, or nil. No deadline is later than it.
	closeBy atomic.Pointer[time.Time]
	dropped atomic.Bool
}

// outgoing is the sending half of a conn.
type outgoing struct {
	enc    Encoder
	sink   *sink // nil means that writes go to nc
	failed error // why writing ended, if not by a close frame
}

// NewConn returns a link over a byte stream after the WebSocket handshake. early has the bytes that
// were read after the handshake. The Conn owns nc.
func NewConn(nc net.Conn, role Role, l Limits, early []byte) Conn {
	return NewDeflateConn(nc, role, l, early, nil)
}

// NewDeflateConn is NewConn for a link whose handshake agreed on the compression d; nil means none.
func NewDeflateConn(nc net.Conn, role Role, l Limits, early []byte, d *Deflate) Conn {
	return newConn(nc, role, l, early, d, firstSize)
}

func newConn(nc net.Conn, role Role, l Limits, early []byte, d *Deflate, first int) Conn {
	c := &conn{
		nc: nc, limits: l.orDefault(),
		dec: NewDecoder(role, l, d != nil), out: outgoing{enc: NewEncoder(role)},
	}
	if d != nil {
		c.agreed = newDeflated(*d, role)
	}
	c.src.init(nc, slices.Clone(early), first)
	c.out.sink = newSink(c.src.raw)
	return c
}

func (c *conn) Info() ConnInfo {
	info := infoOf(c.nc)
	if c.agreed != nil {
		d := c.agreed.Deflate
		info.Deflate = &d
	}
	return info
}

func (c *conn) ReadMessage(buf []byte) (Kind, []byte, error) {
	k, msg, _, err := c.read(buf, true)
	return k, msg, err
}

// read returns the next message. Without wait it reports false unless the message has begun.
func (c *conn) read(buf []byte, wait bool) (Kind, []byte, bool, error) {
	c.reading.take()
	defer c.reading.leave()
	msg := buf[:0]
	for c.ended == nil {
		if !wait && len(msg) == 0 && c.between() {
			return 0, nil, false, nil
		}
		ev, out, err := c.next(msg)
		msg = out
		if err == nil && ev.RSV1 {
			msg, err = c.agreed.restore(ev.Type, msg, c.limits.inflated(len(msg)))
		}
		if err == nil {
			err = c.handle(ev)
		}
		switch {
		case err != nil:
			c.end(err)
		case ev.Kind == EventMessage:
			return ev.Type, msg, true, nil
		}
	}
	return 0, nil, false, c.ended
}

// next decodes the bytes that have arrived, and waits for more until an event is complete. It reads
// a long payload directly into msg, which grows with the received bytes.
func (c *conn) next(msg []byte) (Event, []byte, error) {
	n, msg, ev, err := c.dec.Decode(c.src.unread, msg)
	c.src.consume(n)
	if err != nil || ev.Kind != EventNone {
		return ev, msg, err
	}
	c.armRead()
	left := c.dec.Pending()
	if left < readSize {
		return ev, msg, c.src.fill(c.dec.Idle())
	}
	msg = slices.Grow(msg, min(left, max(readSize, len(msg))))
	n, err = c.src.readInto(msg[len(msg):min(cap(msg), len(msg)+left)])
	if err != nil {
		return ev, msg, err
	}
	msg = msg[:len(msg)+n]
	ev, err = c.dec.Filled(msg, n)
	return ev, msg, err
}

// handle answers control frames (RFC 6455 section 5.5). It returns the peer's close as an error.
func (c *conn) handle(ev Event) error {
	switch ev.Kind {
	case EventPing:
		if c.pongs.allow(time.Now()) {
			_ = c.write(Event{Kind: EventPong, Payload: ev.Payload}) // an error ends reading too
		}
	case EventClose:
		return &CloseError{Code: ev.Code, Reason: string(ev.Payload), Received: true}
	case EventPong:
		if c.onPong != nil {
			c.onPong(ev.Payload)
		}
	case EventNone, EventMessage:
	}
	return nil
}

func (c *conn) WriteMessage(k Kind, p []byte) error {
	switch {
	case len(p) > c.limits.Message:
		return fmt.Errorf("write %d bytes: %w", len(p), ErrMessageTooBig)
	case k == Text && !utf8.Valid(p):
		return ErrInvalidUTF8
	}
	return c.write(Event{Kind: EventMessage, Type: k, Payload: p})
}

// write sends one frame with one Write.
func (c *conn) write(ev Event) error {
	c.writing.take()
	defer c.writing.leave()
	if c.out.failed != nil {
		return c.out.failed
	}
	if c.agreed != nil && ev.Kind == EventMessage {
		squeezed := getWriteBuffer()
		defer putWriteBuffer(squeezed)
		if *squeezed, ev.RSV1 = c.agreed.out.compress(*squeezed, ev.Payload); ev.RSV1 {
			ev.Payload = *squeezed
		}
	}
	b := getWriteBuffer()
	defer putWriteBuffer(b)
	// The copy is masked (RFC 6455 section 5.3), with keys of the runtime's ChaCha8 generator.
	frame, err := c.out.enc.Append(slices.Grow(*b, ws.MaxHeaderSize+len(ev.Payload)), ev, newMask())
	*b = frame
	if err != nil {
		return err
	}
	if err := c.put(frame); err != nil {
		c.out.failed = fmt.Errorf("write: an earlier one failed: %w", err)
		c.hurry() // the reader gets the time to read the peer's close frame
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// put writes a frame, within the write timeout.
func (c *conn) put(frame []byte) error {
	if c.out.sink != nil {
		if frame = c.out.sink.offer(frame); len(frame) == 0 {
			return nil
		}
	}
	c.armWrite()
	if _, err := c.nc.Write(frame); err != nil {
		return err
	}
	if _, encrypted := c.nc.(*tls.Conn); (encrypted || c.out.sink != nil) && c.closeBy.Load() == nil {
		_ = c.nc.SetWriteDeadline(
			time.Time{},
		) // an old deadline would fail a pong, or the next offer
	}
	return nil
}

func newMask() [4]byte {
	m := rand.Uint32()
	return [4]byte{byte(m), byte(m >> 8), byte(m >> 16), byte(m >> 24)}
}

// armRead sets the deadline of the next read.
func (c *conn) armRead() {
	if c.limits.ReadIdle > 0 {
		_ = c.nc.SetReadDeadline(time.Now().Add(c.limits.ReadIdle))
	}
	if by := c.closeBy.Load(); by != nil { // hurry may have set it in between
		_ = c.nc.SetReadDeadline(*by)
	}
}

// armWrite sets the deadline of the next write.
func (c *conn) armWrite() {
	_ = c.nc.SetWriteDeadline(time.Now().Add(c.limits.WriteTimeout))
	if by := c.closeBy.Load(); by != nil {
		_ = c.nc.SetWriteDeadline(*by)
	}
}

// readError returns the error of a failed read for the caller.
func (c *conn) readError(err error) error {
	var found *CloseError
	switch {
	case errors.As(err, &found):
		return err
	case c.dropped.Load():
		return fmt.Errorf("read: %w", net.ErrClosed)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &CloseError{Code: protocol.CloseAbnormal, Err: io.ErrUnexpectedEOF}
	case c.closeBy.Load() != nil && timedOut(err):
		return fmt.Errorf("read: %w", net.ErrClosed)
	default:
		return fmt.Errorf("read: %w", err)
	}
}
