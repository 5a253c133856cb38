package protocol

import "errors"

// The packed binary form of vsn 2.0.0 (Phoenix V2 serializer) carries payloads of raw bytes: one
// byte for the kind, one byte of length for each text, the texts, and the payload. NervesHub sends
// no such frame today; Decode reads it all the same.
const (
	// A push from the hub has join_ref, topic and event; a push from a client has a ref too.
	packedPush      = 0
	packedReply     = 1 // join_ref, ref, topic, status
	packedBroadcast = 2 // topic, event
)

var errTooLong = errors.New("encode message: a text of a binary message is longer than 255 bytes")

// decodePacked reads a packed frame of a hub.
func decodePacked(data []byte) (Message, error) {
	if len(data) == 0 {
		return Message{}, &DecodeError{Reason: "empty binary frame"}
	}
	m := Message{Binary: true}
	var texts [4]string
	var err error
	switch data[0] {
	case packedPush:
		m.Payload, err = unpack(data, texts[:3])
		m.JoinRef, m.Topic, m.Event = texts[0], texts[1], texts[2]
	case packedReply:
		m.Payload, err = unpack(data, texts[:4])
		m.JoinRef, m.Ref, m.Topic, m.Status = texts[0], texts[1], texts[2], texts[3]
		m.Event = EventReply
	case packedBroadcast:
		m.Payload, err = unpack(data, texts[:2])
		m.Topic, m.Event = texts[0], texts[1]
	default:
		err = &DecodeError{Reason: "unknown kind of binary frame"}
	}
	if err != nil {
		return Message{}, err
	}
	return m, nil
}

// unpack reads the texts at the front of a packed frame and returns the payload.
func unpack(data []byte, texts []string) ([]byte, error) {
	head := 1 + len(texts)
	if len(data) < head {
		return nil, &DecodeError{Reason: "binary frame ends in its head", Offset: int64(len(data))}
	}
	rest := data[head:]
	for i := range texts {
		n := int(data[1+i])
		if n > len(rest) {
			return nil, &DecodeError{Reason: "binary frame ends in a text", Offset: int64(len(data))}
		}
		texts[i] = intern(rest[:n])
		rest = rest[n:]
	}
	return rest, nil
}

// appendPacked appends a push of a client.
func appendPacked(dst []byte, m Message) ([]byte, error) {
	texts := [...]string{m.JoinRef, m.Ref, m.Topic, m.Event}
	out := dst
	out = append(out, packedPush)
	for _, t := range texts {
		if len(t) > 255 {
			return dst, errTooLong
		}
		out = append(out, byte(len(t)))
	}
	for _, t := range texts {
		out = append(out, t...)
	}
	return append(out, m.Payload...), nil
}
