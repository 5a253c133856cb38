package auth

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// The names of the four headers.
const (
	HeaderAlg       = "x-nh-alg"
	HeaderKey       = "x-nh-key"
	HeaderTime      = "x-nh-time"
	HeaderSignature = "x-nh-signature"
)

// Header is one request header. A signature authenticates its reader for 90 seconds, so Header
// prints without it.
type Header struct{ Name, Value string }

// Headers are request headers in order.
type Headers []Header

// String omits a signature.
func (h Header) String() string {
	if strings.EqualFold(h.Name, HeaderSignature) {
		return h.Name + ": [signature]"
	}
	return h.Name + ": " + h.Value
}

// Format omits a signature for every verb.
func (h Header) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, h.String()) }

// MarshalText omits a signature from JSON, which loggers use for unknown types.
func (h Header) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// LogValue omits a signature.
func (h Header) LogValue() slog.Value { return slog.StringValue(h.String()) }

// HeadersOf returns the four headers of a request, from an http.Header for example.
func HeadersOf(request map[string][]string) Headers {
	var hs Headers
	for name, values := range request {
		for _, known := range []string{HeaderAlg, HeaderKey, HeaderTime, HeaderSignature} {
			if strings.EqualFold(name, known) && len(values) > 0 {
				hs = append(hs, Header{Name: known, Value: values[len(values)-1]})
			}
		}
	}
	return hs
}

// Get returns a header's value. ok is false for a missing header, which the hub tells apart from an
// empty one.
func (hs Headers) Get(name string) (value string, ok bool) {
	for _, h := range hs {
		if strings.EqualFold(h.Name, name) {
			return h.Value, true
		}
	}
	return "", false
}
