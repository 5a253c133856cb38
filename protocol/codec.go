package protocol

// Codec is one wire form of messages. Implementations are safe for concurrent use.
type Codec interface {
	// Decode reads one frame; binary says that it came as a binary frame. Payload (and nothing else)
	// of the message refers to data, which must not be changed while the message is in use. Errors are
	// *DecodeError. The caller bounds the size of data; nesting is bounded here.
	Decode(data []byte, binary bool) (Message, error)
	// Append appends m as one frame to dst. It fails, with dst as it was, when m's payload is not one
	// valid JSON value of valid UTF-8: the hub drops all channels of a device that sends it such a
	// frame.
	Append(dst []byte, m Message) ([]byte, error)
	// Version is the value of the query parameter vsn of the socket's URL.
	Version() string
	// Binary says that frames go out as binary frames; those of a message with Binary set do so in any
	// case.
	Binary() bool
}
