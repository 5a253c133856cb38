package transport

// Pinger is a Conn that can ask the peer for a sign of life. Every Conn of this package is one.
type Pinger interface {
	// Ping sends a ping frame with at most 125 bytes, which the peer sends back in its pong. Errors
	// are those of WriteMessage.
	Ping(payload []byte) error

	// OnPong makes f be called for every pong, in the goroutine that reads and with a payload that is
	// valid until f returns. It must be called before the first ReadMessage. f may write and abort;
	// Close would wait for the reader, which is f's caller.
	OnPong(f func(payload []byte))
}

// maxControl is how many bytes a control frame can carry (RFC 6455 section 5.5).
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
