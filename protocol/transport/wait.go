package transport

// Waiter is a Conn on which waiting and reading are apart. Waiting takes a small stack and reading a
// larger one, which a goroutine keeps: servers with many idle links wait in one goroutine and read
// in the next; see Receive.
type Waiter interface {
	// Wait returns when ReadArrived has something to do: bytes have come, or the link has ended.
	Wait()

	// ReadArrived is ReadMessage, but where that would wait for a message to begin, it returns ok
	// false.
	ReadArrived(buf []byte) (k Kind, msg []byte, ok bool, err error)
}

// Receive waits until something has come, and calls handle for each message that has, in order. The
// message is handle's to keep. Then more is true, and the caller calls Receive again in a new
// goroutine, because the stack that handling has needed would stay with this one. More is false at
// the end of the connection, whose reason is err, and after handle has returned false, with no err.
// A Conn that is no Waiter is read to its end in one call.
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

// between reports that a frame starts with the next byte, which has not been read yet.
func (c *conn) between() bool { return len(c.src.unread) == 0 && c.dec.Idle() }

func (c *conn) ReadArrived(buf []byte) (k Kind, msg []byte, ok bool, err error) {
	return c.read(buf, false)
}
