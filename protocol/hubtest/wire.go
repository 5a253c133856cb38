package hubtest

import (
	"bytes"
	"errors"
	"strings"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
)

// wire decodes and encodes the frames of one socket, from the hub's side.
type wire struct {
	msgpack  bool // vsn 3.0.0: binary frames only, refs go back as strings
	integers bool // JSON: the device's refs are integers, and go back as integers
}

var errBadFrame = errors.New("binary frame is no push")

// kind returns the kind of the frames to the device.
func (w *wire) kind() transport.Kind {
	if w.msgpack {
		return transport.Binary
	}
	return transport.Text
}

// decode reads a device's frame. The message's payload refers to data.
func (w *wire) decode(kind transport.Kind, data []byte) (protocol.Message, error) {
	switch {
	case w.msgpack:
		return protocol.MessagePack{}.Decode(data, kind == transport.Binary)
	case kind == transport.Binary:
		return decodePush(data)
	}
	m, err := protocol.JSON{}.Decode(data, false)
	if err == nil && (m.JoinRef != "" || m.Ref != "") {
		w.integers = integerRefs(data)
	}
	return m, err
}

// integerRefs reports whether the first ref of an array, or the second when the first is null, is a
// number.
func integerRefs(data []byte) bool {
	const space = " \t\r\n"
	rest := bytes.TrimLeft(bytes.TrimPrefix(bytes.TrimLeft(data, space), []byte("[")), space)
	if after, ok := bytes.CutPrefix(rest, []byte("null")); ok {
		rest = bytes.TrimLeft(bytes.TrimPrefix(bytes.TrimLeft(after, space), []byte(",")), space)
	}
	return len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9'
}

// decodePush reads a packed push of a device (vsn 2.0.0): a zero, one byte of length for each of
// join_ref, ref, topic and event, the texts, and raw bytes.
func decodePush(data []byte) (protocol.Message, error) {
	const texts = 4
	if len(data) < 1+texts || data[0] != 0 {
		return protocol.Message{}, errBadFrame
	}
	var text [texts]string
	rest := data[1+texts:]
	for i := range text {
		n := int(data[1+i])
		if n > len(rest) {
			return protocol.Message{}, errBadFrame
		}
		text[i], rest = string(rest[:n]), rest[n:]
	}
	return protocol.Message{
		JoinRef: text[0],
		Ref:     text[1],
		Topic:   text[2],
		Event:   text[3],
		Payload: rest,
		Binary:  true,
	}, nil
}

// encode appends a frame to the device. It fails when the payload is not JSON.
func (w *wire) encode(dst []byte, m protocol.Message) ([]byte, error) {
	switch {
	case w.msgpack:
		return protocol.MessagePack{}.Append(dst, m)
	case !w.integers:
		return protocol.JSON{}.Append(dst, m)
	}
	joinRef, ref := m.JoinRef, m.Ref
	m.JoinRef, m.Ref = "", ""
	frame, err := protocol.JSON{}.Append(nil, m)
	if err != nil {
		return dst, err
	}
	dst = appendRef(append(dst, '['), joinRef)
	dst = appendRef(append(dst, ','), ref)
	return append(dst, frame[len("[null,null"):]...), nil
}

// appendRef writes a ref in the form of a device that uses integers.
func appendRef(dst []byte, ref string) []byte {
	switch {
	case ref == "":
		return append(dst, "null"...)
	case strings.Trim(ref, "0123456789") == "":
		return append(dst, ref...)
	default:
		return append(dst, encode(ref)...)
	}
}
