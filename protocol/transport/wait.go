package transport

// Waiter is a Conn that separates waiting from reading. Reading needs a larger stack than waiting,
// and a goroutine does not shrink its stack at once, so a server with many idle links waits in one
// goroutine and reads in the next, see Receive.
type Waiter interface {
	// Wait returns when bytes have arrived or the link has ended.
	Wait()

	// ReadArrived is ReadMessage, but returns ok false instead of waiting for a message to begin.
	ReadArrived(buf []byte) (k Kind, msg []byte, ok bool, err error)
}

// Receive waits for messages and calls handle for each one that has arrived, in order. handle owns
// the message. more means that the caller calls Receive again, in a new goroutine, because this one
// keeps the stack that handle needed. Without more, err is the reason for the end of the
// connection, or nil after handle returned false. Receive reads a Conn that is not a Waiter to its
// end in one call.
func Receive(c Conn, handle func(k Kind, msg []byte) bool) (more bool, err error) {
	w, apart := c.(Waiter)
	if apart {
		w.Wait()
	}
	for {
		var k Kind
		var msg []byte
		ok := true
		if apart {
			k, msg, ok, err = w.ReadArrived(nil)
		} else {
			k, msg, err = c.ReadMessage(nil)
		}
		switch {
		case err != nil:
			return false, err
		case !ok:
			return true, nil
		case !handle(k, msg):
			return false, nil
		}
	}
}

func (c *conn) Wait() {
	c.reading.take()
	if c.ended == nil && c.between() {
		c.armRead()
		if err := c.src.fill(true); err != nil {
			c.end(err)
		}
	}
	c.reading.leave()
}

// between reports whether the next byte starts a frame and has not been read.
func (c *conn) between() bool { return len(c.src.unread) == 0 && c.dec.Idle() }

func (c *conn) ReadArrived(buf []byte) (k Kind, msg []byte, ok bool, err error) {
	return c.read(buf, false)
}
