package fetch

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// StatusError is an answer without the file: one that is final, or the one of the last try.
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

// GaveUpError means that no try is left.
type GaveUpError struct {
	Tries int   // in a row without a new byte
	Err   error // of the last one
}

// Error implements error.
func (e *GaveUpError) Error() string {
	return fmt.Sprintf("%d attempts in a row brought no new byte, the last one: %v", e.Tries, e.Err)
}

// Unwrap returns the error of the last attempt.
func (e *GaveUpError) Unwrap() error { return e.Err }

// StallError means that the server sent nothing for a while.
type StallError struct {
	After time.Duration
}

// Error implements error.
func (e *StallError) Error() string {
	return fmt.Sprintf("the server sent nothing for %v", e.After)
}

// SlowError means that the download was too slow.
type SlowError struct {
	MinSpeed int64         // bytes per second; 0: the download took longer than Within
	Within   time.Duration // how long the download was slower
}

// Error implements error.
func (e *SlowError) Error() string {
	if e.MinSpeed == 0 {
		return fmt.Sprintf("it did not end within %v", e.Within)
	}
	return fmt.Sprintf("it was slower than %d bytes per second for %v", e.MinSpeed, e.Within)
}

// RedirectError is a redirect that is not followed.
type RedirectError struct {
	Reason string
}

// Error implements error.
func (e *RedirectError) Error() string { return "redirect: " + e.Reason }

// EncodingError means that the server sent the file encoded despite "Accept-Encoding: identity".
type EncodingError struct {
	Encoding string
}

// Error implements error.
func (e *EncodingError) Error() string {
	return fmt.Sprintf("the server sent the file encoded as %.32q, which was not requested", e.Encoding)
}

// RangeError means that the server answered with bytes that were not requested.
type RangeError struct {
	Offset int64  // of the first byte that was requested
	Answer string // Content-Range; empty: none
}

// Error implements error.
func (e *RangeError) Error() string {
	return fmt.Sprintf("the server got a request for the bytes from %d on and answered with %.64q",
		e.Offset, e.Answer)
}

// again is an error that the next attempt may not have.
type again struct {
	error
	after time.Duration // the earliest next attempt; Retry-After
	more  bool          // the server sends the file in pieces, which is no failure
}

func (e *again) Unwrap() error { return e.error }

// quoting is an error whose text would show secrets of a URL.
type quoting struct{ err error }

func (quoting) Error() string   { return "the request failed with an error that quotes the signed URL" }
func (e quoting) Unwrap() error { return e.err }

// redact returns err, an error of the transport, without the secrets of u in its text.
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
