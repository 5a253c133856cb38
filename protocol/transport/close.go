package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/hublink-go/hublink/protocol"
)

func (c *conn) Close(code int, reason string) error {
	c.hurry() // first: a stuck writer must not delay it
	if c.dropped.Load() {
		return nil
	}
	err := c.hangUp(code, reason)
	c.reading.take() // a reader that waits for bytes ends at closeBy
	defer c.reading.leave()
	if err == nil && !c.dropped.Load() {
		c.drain()
	}
	if c.ended == nil {
		c.ended = fmt.Errorf("read: %w", net.ErrClosed)
	}
	_ = c.drop()
	return err
}

func (c *conn) Abort() error {
	if c.dropped.Swap(true) {
		return nil
	}
	return c.dropNow()
}

// end ends reading. It sends the close code to the peer where the peer has not closed first, and
// gives it time to read the code. After a timeout the caller decides between Close and Abort.
func (c *conn) end(err error) {
	idle := timedOut(err) && c.closeBy.Load() == nil
	c.ended = c.readError(err)
	c.src.release()
	if idle || c.dropped.Load() {
		return
	}
	var found *CloseError
	if errors.As(c.ended, &found) && found.Code != protocol.CloseAbnormal {
		c.hurry()
		code := found.Code
		if found.Received && c.answer != nil {
			code = c.answer(code)
		}
		if c.hangUp(code, "") == nil {
			c.drain()
		}
	}
	_ = c.drop()
}

// hurry bounds all present and later waits for the peer by Limits.Drain from the first call on.
func (c *conn) hurry() {
	by := time.Now().Add(c.limits.Drain)
	if !c.closeBy.CompareAndSwap(nil, &by) {
		return
	}
	_ = c.nc.SetReadDeadline(by)
	_ = c.nc.SetWriteDeadline(by)
}

// hangUp sends a close frame if none was sent, and ends the sending side.
func (c *conn) hangUp(code int, reason string) error {
	err := c.write(Event{Kind: EventClose, Code: code, Payload: []byte(reason)})
	if errors.Is(err, errClosing) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("close: %w", err)
	}
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // a stream without CloseWrite is closed after the drain
	}
	return nil
}

// drain reads and drops data until the peer ends its side. A stream that is closed with unread data
// is reset, and the peer could lose our last frame.
func (c *conn) drain() {
	c.src.release()
	b := getReadBuffer()
	defer readBuffers.Put(b)
	for {
		c.armRead()
		if _, err := c.src.readInto(b[:]); err != nil {
			return
		}
	}
}

// drop closes the stream and frees the buffers.
func (c *conn) drop() error {
	if c.dropped.Swap(true) {
		return nil
	}
	return c.nc.Close()
}

// dropNow is drop without the close_notify of TLS.
func (c *conn) dropNow() error {
	if t, ok := c.nc.(*tls.Conn); ok {
		return t.NetConn().Close()
	}
	return c.nc.Close()
}
