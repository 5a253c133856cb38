package fetch

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// StatusError is an answer that is neither the file nor a reason to ask again, or was so on the
// last try.
type StatusError struct {
	Status int
}

// Error implements error.
func (e *StatusError) Error() string {
	s := fmt.Sprintf("the server answered %d %s", e.Status, http.StatusText(e.Status))
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		s += ": the signed URL may have expired, then the hub has to offer the firmware again"
	}
	return s
}

// GaveUpError says that no try is left.
type GaveUpError struct {
	Tries int   // in a row without a new byte
	Err   error // of the last one
}

// Error implements error.
func (e *GaveUpError) Error() string {
	return fmt.Sprintf("%d attempts in a row brought nothing, the last one: %v", e.Tries, e.Err)
}

// Unwrap returns what went wrong in the last attempt.
func (e *GaveUpError) Unwrap() error { return e.Err }

// StallError says that the server went silent.
type StallError struct {
	After time.Duration
}

// Error implements error.
func (e *StallError) Error() string { return fmt.Sprintf("nothing came for %v", e.After) }

// SlowError says that the download would take for ever.
type SlowError struct {
	MinSpeed int64         // bytes per second; 0: it took longer than Within altogether
	Within   time.Duration // how long it was slower
}

// Error implements error.
func (e *SlowError) Error() string {
	if e.MinSpeed == 0 {
		return fmt.Sprintf("it was not done within %v", e.Within)
	}
	return fmt.Sprintf("it was slower than %d bytes per second for %v", e.MinSpeed, e.Within)
}

// RedirectError is a redirect that is not followed.
type RedirectError struct {
	Reason string
}

// Error implements error.
func (e *RedirectError) Error() string { return "redirect: " + e.Reason }

// EncodingError says that the server sent the file encoded although it was asked not to.
type EncodingError struct {
	Encoding string
}

// Error implements error.
func (e *EncodingError) Error() string {
	return fmt.Sprintf(
		"the server sent the file encoded as %.32q, which was not asked for",
		e.Encoding,
	)
}

// RangeError says that the server answered with other bytes than it was asked for.
type RangeError struct {
	Offset int64  // of the first byte that was asked for
	Answer string // Content-Range; empty: none
}

// Error implements error.
func (e *RangeError) Error() string {
	return fmt.Sprintf(
		"the server was asked for the bytes from %d on and answered with %.64q",
		e.Offset,
		e.Answer,
	)
}

// again is an error that another attempt may get over.
type again struct {
	error
	after time.Duration // not before; Retry-After
	more  bool          // not an error at all: the server gives the file in pieces
}

func (e *again) Unwrap() error { return e.error }

// quoting is an error whose text would show what is secret in a URL.
type quoting struct{ err error }

func (quoting) Error() string   { return "the request failed with an error that quotes the signed URL" }
func (e quoting) Unwrap() error { return e.err }

// redact makes an error of the transport safe to be shown.
func redact(err error, u *url.URL) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	password, _ := u.User.Password()
	for _, secret := range [...]string{u.RawQuery, password} {
		if secret != "" && strings.Contains(err.Error(), secret) {
			return quoting{err}
		}
	}
	return err
}
