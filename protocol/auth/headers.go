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

// Header is one request header. A signature opens the hub to whoever reads it within 90 seconds, so
// it is not printed.
type Header struct{ Name, Value string }

// Headers are request headers in order.
type Headers []Header

// String leaves a signature out.
func (h Header) String() string {
	if strings.EqualFold(h.Name, HeaderSignature) {
		return h.Name + ": [signature]"
	}
	return h.Name + ": " + h.Value
}

// Format leaves a signature out, whatever the verb.
func (h Header) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, h.String()) }

// MarshalText leaves a signature out of JSON, in which loggers print unknown values.
func (h Header) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// LogValue leaves a signature out.
func (h Header) LogValue() slog.Value { return slog.StringValue(h.String()) }

// HeadersOf takes the four headers out of a request's (an http.Header, say). Other headers are left
// out.
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

// Get gives a header's value; ok is false if it is missing, which the hub does not take for empty.
func (hs Headers) Get(name string) (value string, ok bool) {
	for _, h := range hs {
		if strings.EqualFold(h.Name, name) {
			return h.Value, true
		}
	}
	return "", false
}
