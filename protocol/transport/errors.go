package transport

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Errors of WriteMessage that leave the link as it was.
var (
	ErrMessageTooBig = errors.New("message is larger than the limit of the link")
	ErrInvalidUTF8   = errors.New("text message is not UTF-8")
)

// ErrNotWebSocket is wrapped by errors about an answer or a request that is not a valid WebSocket
// handshake.
var ErrNotWebSocket = errors.New("not a WebSocket handshake")

// CloseError says with which code a link ended.
type CloseError struct {
	Code     int    // RFC 6455 section 7.4; 1005 and 1006 are never on the wire
	Reason   string // the peer's text when Received
	Received bool   // a close frame of the peer said so; otherwise we found it
	Err      error  // what we found, when not Received
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

// Unwrap returns what we found.
func (e *CloseError) Unwrap() error { return e.Err }

// maxRefusalBody is how much of a refusal's body is kept.
const maxRefusalBody = 4 << 10

// RefusedError is an HTTP answer other than 101 to an upgrade request.
type RefusedError struct {
	Status int
	Target string      // host:port
	Header http.Header // only Date, Location, Retry-After and nh-connection-error-reason
	Body   []byte      // at most 4 KiB
	Err    error       // why a redirect was not followed, wraps ErrRedirect; nil otherwise
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

// Unwrap returns why a redirect was not followed.
func (e *RefusedError) Unwrap() error { return e.Err }

// Reason is the hub's own explanation (NervesHub: header nh-connection-error-reason), empty when it
// gave none.
func (e *RefusedError) Reason() string { return e.Header.Get("nh-connection-error-reason") }

// RetryAfter is how long the server asked us to stay away, zero when it did not. A point in time is
// taken relative to the server's own Date, because the device's clock may be wrong.
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
