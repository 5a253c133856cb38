package protocol

import (
	"github.com/tinylib/msgp/msgp"
)

// MessagePack is the wire form of vsn 3.0.0: binary frames with a MessagePack array of five. It
// translates payloads from and to JSON, so that the layers above see one form:
//
//	MessagePack                      JSON
//	int, uint of any width           a number without point and exponent
//	float                            a number with point or exponent, so that it comes back as a float
//	str, bin                         a string (a hub sends any bytes as str)
//	ext -1 (timestamp)               a string, RFC 3339 in UTC
//	any other ext                    null
//	a map's key: str, bin, integer   a string
//
// NervesHub 2.4.0 and older has no MessagePack and answers the upgrade with 403.
type MessagePack struct{}

// Limits of one frame, whatever lengths it claims. packBytes limits the payload as JSON. The values
// are decisions.
const (
	packDepth    = 128
	packElements = 1 << 20
	packBytes    = 16 << 20
)

// Version returns "3.0.0".
func (MessagePack) Version() string { return "3.0.0" }

// Binary returns true.
func (MessagePack) Binary() bool { return true }

// Decode reads one binary frame and refuses a text frame. The payload is a copy: at most 16 MiB of
// JSON from at most a million elements, nested at most 128 deep. Decode refuses numbers that JSON
// does not have (NaN, infinities); it accepts duplicate keys and invalid UTF-8 in the payload.
func (MessagePack) Decode(data []byte, isBinary bool) (Message, error) {
	u := unpacker{rest: data}
	if !isBinary {
		return Message{}, u.failed(len(data), "text frame where MessagePack is spoken")
	}
	m, reason := u.message()
	if reason != "" {
		return Message{}, u.failed(len(data), reason)
	}
	return m, nil
}

// unpacker reads MessagePack from the front of rest. Its methods return the reason of a failure, or
// "".
type unpacker struct {
	rest     []byte
	out      []byte // the payload as JSON
	elements int
}

const (
	reasonCut      = "ends within a value"
	reasonTooLarge = "payload is too large"
)

func (u *unpacker) failed(size int, reason string) *DecodeError {
	return &DecodeError{Reason: reason, Offset: int64(size - len(u.rest))}
}

func (u *unpacker) message() (m Message, reason string) {
	n, rest, err := msgp.ReadArrayHeaderBytes(u.rest)
	if err != nil || n != 5 {
		return m, "not a MessagePack array of five elements"
	}
	u.rest = rest
	if m.JoinRef, reason = u.ref("join_ref is neither string nor number nor nil"); reason != "" {
		return m, reason
	}
	if m.Ref, reason = u.ref("ref is neither string nor number nor nil"); reason != "" {
		return m, reason
	}
	if m.Topic, reason = u.text("topic is not a string"); reason != "" {
		return m, reason
	}
	if m.Event, reason = u.text("event is not a string"); reason != "" {
		return m, reason
	}
	u.out = make([]byte, 0, len(u.rest)+len(u.rest)/4+8)
	if reason = u.value(0); reason != "" {
		return m, reason
	}
	if len(u.rest) > 0 {
		return m, "more after the array"
	}
	m.Payload = u.out
	return m, ""
}

// ref reads a ref. The hub accepts a number in place of its decimal text.
func (u *unpacker) ref(reason string) (string, string) {
	switch msgp.NextType(u.rest) {
	case msgp.NilType:
		u.rest = u.rest[1:]
		return "", ""
	case msgp.IntType, msgp.UintType, msgp.Float64Type, msgp.Float32Type:
		var digits [32]byte
		u.out = digits[:0]
		if reason := u.number(); reason != "" {
			return "", reason
		}
		return internRef(u.out), ""
	default:
		text, ok := u.bytes()
		if !ok {
			return "", reason
		}
		return internRef(text), ""
	}
}

func (u *unpacker) text(reason string) (string, string) {
	text, ok := u.bytes()
	if !ok {
		return "", reason
	}
	return intern(text), ""
}

// bytes reads a str or bin.
func (u *unpacker) bytes() ([]byte, bool) {
	if u.claimsTooMuch() {
		return nil, false
	}
	var text, rest []byte
	var err error
	switch msgp.NextType(u.rest) {
	case msgp.StrType:
		text, rest, err = msgp.ReadStringZC(u.rest)
	case msgp.BinType:
		text, rest, err = msgp.ReadBytesZC(u.rest)
	default:
		return nil, false
	}
	if err != nil {
		return nil, false
	}
	u.rest = rest
	return text, true
}
