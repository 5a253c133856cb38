package transport

// Pinger is a Conn that can send pings (RFC 6455 section 5.5.2). Every Conn of this package is one.
type Pinger interface {
	// Ping sends a ping frame with at most 125 bytes, which the peer returns in its pong. Errors are
	// those of WriteMessage.
	Ping(payload []byte) error

	// OnPong sets f, which the reading goroutine calls for every pong. The payload is valid until f
	// returns. Call OnPong before the first ReadMessage. f may write and abort; it must not call
	// Close, which waits for the reader.
	OnPong(f func(payload []byte))
}

// maxControl is the longest payload of a control frame in bytes (RFC 6455 section 5.5).
const maxControl = 125

func (c *conn) Ping(payload []byte) error {
	if len(payload) > maxControl {
		return ErrMessageTooBig
	}
	return c.write(Event{Kind: EventPing, Payload: payload})
}

func (c *conn) OnPong(f func(payload []byte)) { c.onPong = f }

func (c *pipeTLS) Ping(payload []byte) error { return c.Conn.(Pinger).Ping(payload) }

func (c *pipeTLS) OnPong(f func(payload []byte)) { c.Conn.(Pinger).OnPong(f) }
