package protocol

// Codec is one wire form of messages. Implementations are safe for concurrent use.
type Codec interface {
	// Decode reads one frame; binary reports whether it is a binary frame. Only the message's Payload
	// refers to data, which must not change while the message is in use. Errors are *DecodeError. The
	// caller bounds the size of data, Decode bounds the nesting.
	Decode(data []byte, binary bool) (Message, error)
	// Append appends m as one frame to dst. When m's payload is not one valid JSON value in UTF-8,
	// Append returns dst unchanged and an error, because the hub closes the socket of a device that
	// sends such a frame.
	Append(dst []byte, m Message) ([]byte, error)
	// Version returns the value of the query parameter vsn in the URL of the socket.
	Version() string
	// Binary reports whether messages are sent as binary frames. A message with Binary set always is.
	Binary() bool
}
