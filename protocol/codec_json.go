package protocol

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// JSON is the wire form of vsn 2.0.0: text frames with an array of five, and packed binary frames
// for payloads of raw bytes.
type JSON struct{}

// Version is "2.0.0".
func (JSON) Version() string { return "2.0.0" }

// Binary is false.
func (JSON) Binary() bool { return false }

// Decode reads one text frame, or one packed binary frame as a hub sends it. It takes refs as
// strings, integers (some hubs echo what they were sent) and null, and leaves the payload as it is:
// duplicate keys and invalid UTF-8 in it are not an error.
func (JSON) Decode(data []byte, binary bool) (Message, error) {
	if binary {
		return decodePacked(data)
	}
	s := scanners.Get().(*scanner) //nolint:forcetypeassert // the pool holds nothing else
	defer s.release()
	s.reset(data, allowAnything...)
	return s.message()
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

// appendText quotes text; invalid UTF-8 becomes the replacement character, the only error that
// AppendQuote knows.
func appendText(dst []byte, text string) []byte {
	dst, _ = jsontext.AppendQuote(dst, text)
	return dst
}

// scanner reads JSON out of a byte slice without copying it.
type scanner struct {
	buf bytes.Buffer // a Decoder reads straight from the bytes of a Buffer
	dec jsontext.Decoder
}

var scanners = sync.Pool{New: func() any { return new(scanner) }}

func (s *scanner) reset(data []byte, options ...jsontext.Options) {
	s.buf = *bytes.NewBuffer(data)
	s.dec.Reset(&s.buf, options...)
}

// release forgets the bytes that were read and gives the scanner back.
func (s *scanner) release() {
	s.reset(nil)
	scanners.Put(s)
}

func (s *scanner) fail(reason string) *DecodeError {
	return &DecodeError{Reason: reason, Offset: s.dec.InputOffset()}
}

func (s *scanner) message() (m Message, err error) {
	if tok, err := s.dec.ReadToken(); err != nil || tok.Kind() != '[' {
		return Message{}, s.fail("not a JSON array")
	}
	if m.JoinRef, err = s.ref("join_ref"); err != nil {
		return Message{}, err
	}
	if m.Ref, err = s.ref("ref"); err != nil {
		return Message{}, err
	}
	if m.Topic, err = s.text("topic is not a string"); err != nil {
		return Message{}, err
	}
	if m.Event, err = s.text("event is not a string"); err != nil {
		return Message{}, err
	}
	if s.dec.PeekKind() == ']' {
		return Message{}, s.fail("fewer than five elements")
	}
	if m.Payload, err = s.dec.ReadValue(); err != nil {
		return Message{}, s.fail("invalid JSON in the payload")
	}
	if tok, err := s.dec.ReadToken(); err != nil || tok.Kind() != ']' {
		return Message{}, s.fail("not an array of five elements")
	}
	if _, err := s.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return Message{}, s.fail("more after the array")
	}
	return m, nil
}

func (s *scanner) ref(name string) (string, error) {
	v, err := s.dec.ReadValue()
	if err != nil {
		return "", s.fail("no " + name)
	}
	switch v.Kind() {
	case 'n':
		return "", nil
	case '"':
		return unquote(v, internRef), nil
	case '0':
		for _, c := range v {
			if c < '0' || c > '9' {
				return "", s.fail(name + " is not an integer")
			}
		}
		return internRef(v), nil
	default:
		return "", s.fail(name + " is neither string nor integer nor null")
	}
}

func (s *scanner) text(reason string) (string, error) {
	if s.dec.PeekKind() != '"' {
		return "", s.fail(reason)
	}
	v, err := s.dec.ReadValue()
	if err != nil {
		return "", s.fail("invalid JSON")
	}
	return unquote(v, intern), nil
}

// unquote returns the text of the JSON string v.
func unquote(v jsontext.Value, intern func([]byte) string) string {
	inner := v[1 : len(v)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return intern(inner)
	}
	text, _ := jsontext.AppendUnquote(
		nil,
		v,
	) // of a string that the decoder took; replaces invalid UTF-8
	return intern(text)
}

// member returns the value of the first member of object that has the name.
func member(object jsontext.Value, name string) (jsontext.Value, bool) {
	s := scanners.Get().(*scanner) //nolint:forcetypeassert // the pool holds nothing else
	defer s.release()
	s.reset(object, allowAnything...)
	if tok, err := s.dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return nil, false
	}
	for s.dec.PeekKind() == '"' {
		key, err := s.dec.ReadValue()
		if err != nil {
			return nil, false
		}
		found := isText(key, name)
		value, err := s.dec.ReadValue()
		if err != nil {
			return nil, false
		}
		if found {
			return value, true
		}
	}
	return nil, false
}

// isText reports whether v is the JSON string text, which needs no escapes.
func isText(v jsontext.Value, text string) bool {
	return len(v) == len(text)+2 && v[0] == '"' && string(v[1:len(v)-1]) == text
}
