package transport

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Errors of WriteMessage that do not change the link.
var (
	ErrMessageTooBig = errors.New("message is larger than the limit of the link")
	ErrInvalidUTF8   = errors.New("text message is not UTF-8")
)

// ErrNotWebSocket is part of the error for an answer or a request that is not a valid WebSocket
// handshake (RFC 6455 section 4).
var ErrNotWebSocket = errors.New("not a WebSocket handshake")

// CloseError is the end of a link with its code.
type CloseError struct {
	Code     int    // RFC 6455 section 7.4; 1005 and 1006 are never on the wire
	Reason   string // the peer's text when Received
	Received bool   // Code is from the peer's close frame, else from this end
	Err      error  // the reason of this end, when not Received
}

func (e *CloseError) Error() string {
	switch {
	case e.Received && e.Reason != "":
		return fmt.Sprintf("closed by the peer with code %d: %q", e.Code, e.Reason)
	case e.Received:
		return fmt.Sprintf("closed by the peer with code %d", e.Code)
	default:
		return fmt.Sprintf("closed with code %d: %v", e.Code, e.Err)
	}
}

// Unwrap returns Err.
func (e *CloseError) Unwrap() error { return e.Err }

// maxRefusalBody is the kept part of the body of a refusal, in bytes.
const maxRefusalBody = 4 << 10

// RefusedError is an HTTP answer other than 101 to an upgrade request.
type RefusedError struct {
	Status int
	Target string      // host:port
	Header http.Header // only Date, Location, Retry-After and nh-connection-error-reason
	Body   []byte      // at most 4 KiB
	Err    error       // why Dial did not follow a redirect, wraps ErrRedirect; or nil
}

func newRefusal(target string, status int, header http.Header, body []byte) *RefusedError {
	e := &RefusedError{
		Status: status,
		Target: target,
		Header: make(http.Header),
		Body:   body[:min(len(body), maxRefusalBody)],
	}
	for _, name := range []string{"Date", "Location", "Retry-After", "Nh-Connection-Error-Reason"} {
		if v := header.Get(name); v != "" {
			e.Header.Set(name, v)
		}
	}
	return e
}

func (e *RefusedError) Error() string {
	text := fmt.Sprintf("upgrade refused by %s with HTTP status %d", e.Target, e.Status)
	if reason := e.Reason(); reason != "" {
		text += fmt.Sprintf(": %.300q", reason)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns Err.
func (e *RefusedError) Unwrap() error { return e.Err }

// Reason returns the hub's explanation (NervesHub: header nh-connection-error-reason), or "".
func (e *RefusedError) Reason() string { return e.Header.Get("nh-connection-error-reason") }

// RetryAfter returns the wait that the server asks for (RFC 9110 section 10.2.3), or zero. It takes
// a date relative to the server's Date header, because the device's clock can be wrong.
func (e *RefusedError) RetryAfter() time.Duration {
	v := e.Header.Get("Retry-After")
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(e.Header.Get("Date"))
	if err != nil {
		return 0
	}
	return max(0, at.Sub(now))
}
