package protocol

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json/jsontext"
)

// JSON is the wire form of vsn 2.0.0 (Phoenix V2 serializer): text frames with an array of five
// elements, and packed binary frames for payloads of raw bytes.
type JSON struct{}

// Version returns "2.0.0".
func (JSON) Version() string { return "2.0.0" }

// Binary returns false.
func (JSON) Binary() bool { return false }

// Decode reads one text frame, or one packed binary frame as a hub sends it. It accepts refs as
// strings, integers (a hub repeats the ref that it received) and null. It accepts duplicate keys
// and invalid UTF-8 in the payload and does not change them.
func (JSON) Decode(data []byte, binary bool) (Message, error) {
	if binary {
		return decodePacked(data)
	}
	d := envelope{scanner{data: data}}
	return d.message()
}

// Append appends m as a text frame, or as a packed binary push when m.Binary is set.
func (JSON) Append(dst []byte, m Message) ([]byte, error) {
	if m.Binary {
		return appendPacked(dst, m)
	}
	payload := m.Payload
	if len(payload) == 0 {
		payload = emptyObject
	}
	if !payload.IsValid(allowDuplicates...) {
		return dst, errInvalidPayload
	}
	out := appendRef(append(dst, '['), m.JoinRef)
	out = append(out, ',')
	out = appendRef(out, m.Ref)
	out = append(out, ',')
	out = appendText(out, m.Topic)
	out = append(out, ',')
	out = appendText(out, m.Event)
	out = append(out, ',')
	out = append(out, payload...)
	return append(out, ']'), nil
}

var (
	emptyObject     = jsontext.Value("{}")
	allowDuplicates = []jsontext.Options{jsontext.AllowDuplicateNames(true)}
	allowAnything   = []jsontext.Options{
		jsontext.AllowDuplicateNames(true),
		jsontext.AllowInvalidUTF8(true),
	}
	errInvalidPayload = errors.New("encode message: payload is not one valid JSON value")
)

func appendRef(dst []byte, ref string) []byte {
	if ref == "" {
		return append(dst, "null"...)
	}
	return appendText(dst, ref)
}

// appendText appends text as a JSON string. Invalid UTF-8, the only error of AppendQuote, becomes
// U+FFFD.
func appendText(dst []byte, text string) []byte {
	dst, _ = jsontext.AppendQuote(dst, text)
	return dst
}

// envelope reads a message: an array of join_ref, ref, topic, event and payload (Phoenix V2
// serializer).
type envelope struct{ scanner }

func (e *envelope) fail(reason string) *DecodeError {
	return &DecodeError{Reason: reason, Offset: int64(e.pos)}
}

func (e *envelope) message() (m Message, err error) {
	if !e.take('[') {
		return Message{}, e.fail("not a JSON array")
	}
	if m.JoinRef, err = e.ref("join_ref"); err != nil {
		return Message{}, err
	}
	if !e.take(',') {
		return Message{}, e.fail("no ref")
	}
	if m.Ref, err = e.ref("ref"); err != nil {
		return Message{}, err
	}
	if m.Topic, err = e.text("topic is not a string"); err != nil {
		return Message{}, err
	}
	if m.Event, err = e.text("event is not a string"); err != nil {
		return Message{}, err
	}
	if !e.take(',') {
		return Message{}, e.fail("fewer than five elements")
	}
	return e.payload(m)
}

// payload reads the last element and the end of the array. The rest of a good frame is one value
// and the bracket, so payload validates that value without scanning it first.
func (e *envelope) payload(m Message) (Message, error) {
	e.peek()
	rest := bytes.TrimRight(e.data[e.pos:], " \t\n\r")
	if n := len(rest) - 1; n >= 0 && rest[n] == ']' {
		m.Payload = bytes.TrimRight(rest[:n], " \t\n\r")
		if m.Payload.IsValid(allowAnything...) {
			return m, nil
		}
	}
	v, ok := e.value()
	switch {
	case !ok || !v.IsValid(allowAnything...):
		return Message{}, e.fail("invalid JSON in the payload")
	case !e.take(']'):
		return Message{}, e.fail("not an array of five elements")
	default:
		return Message{}, e.fail("more after the array")
	}
}

func (e *envelope) ref(name string) (string, error) {
	v, ok := e.value()
	if !ok {
		return "", e.fail("no " + name)
	}
	switch v.Kind() {
	case 'n':
		if string(v) == "null" {
			return "", nil
		}
	case '"':
		if ref, ok := unquote(v, internRef); ok {
			return ref, nil
		}
	case '0':
		for _, c := range v {
			if c < '0' || c > '9' {
				return "", e.fail(name + " is not an integer")
			}
		}
		if len(v) == 1 || v[0] != '0' { // RFC 8259 section 6
			return internRef(v), nil
		}
	}
	return "", e.fail(name + " is neither string nor integer nor null")
}

func (e *envelope) text(reason string) (string, error) {
	if !e.take(',') || e.peek() != '"' {
		return "", e.fail(reason)
	}
	v, ok := e.value()
	if !ok {
		return "", e.fail("invalid JSON")
	}
	text, ok := unquote(v, intern)
	if !ok {
		return "", e.fail("invalid JSON")
	}
	return text, nil
}
