package transport

// Waiter is a Conn that lets go of whoever reads from it while nothing comes. Waiting takes little
// of a stack and reading takes more, which a goroutine never gives back: servers with many idle
// links wait in one goroutine and read in the next.
type Waiter interface {
	// Wait returns when ReadArrived has something to do: bytes have come, or the link has ended.
	Wait()

	// ReadArrived is ReadMessage, but where that would wait for a message to begin, it returns ok
	// false.
	ReadArrived(buf []byte) (k Kind, msg []byte, ok bool, err error)
}

// Wait waits as a Waiter does. For another Conn it returns at once, and Arrived waits.
func Wait(c Conn) {
	if w, ok := c.(Waiter); ok {
		w.Wait()
	}
}

// Arrived returns a message that has come, in memory of its own; of a Conn that is no Waiter, the
// next one.
func Arrived(c Conn) (k Kind, msg []byte, ok bool, err error) {
	if w, can := c.(Waiter); can {
		return w.ReadArrived(nil)
	}
	k, msg, err = c.ReadMessage(nil)
	return k, msg, true, err
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

// between says that a frame starts with the next byte, which has not been read yet.
func (c *conn) between() bool { return len(c.src.unread) == 0 && c.dec.Idle() }

func (c *conn) ReadArrived(buf []byte) (k Kind, msg []byte, ok bool, err error) {
	return c.read(buf, false)
}
