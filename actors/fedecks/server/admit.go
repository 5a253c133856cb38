package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/protocol/transport"
)

// admit judges a request: the device that is let in, or the HTTP status to refuse it with.
func (s *Server) admit(r *http.Request) (device string, refused int) {
	if !s.tree.Alive() {
		return "", http.StatusServiceUnavailable
	}
	if status, err := transport.CheckUpgrade(r); err != nil {
		return "", status
	}
	if foreign(r) {
		return "", http.StatusForbidden
	}
	if !s.rate.allow(s.cfg.Address(r), time.Now()) {
		return "", http.StatusTooManyRequests
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.Limits.Handshake)
	defer cancel()
	device, err := s.identify(ctx, r)
	var failed *callbackError
	switch {
	case errors.As(err, &failed):
		s.log.Error().Err(err).Str("device", device).Msg("a request could not be judged")
		return device, http.StatusInternalServerError
	case err != nil:
		s.refused(ctx, r, device, err)
		return device, http.StatusForbidden
	case s.cfg.Duplicates == RefuseNewer:
		if _, there := s.Online(device); there {
			return device, http.StatusConflict
		}
	}
	return device, 0
}

// foreign says whether a web page of another site asks. Devices send no Origin.
func foreign(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || !strings.EqualFold(u.Host, r.Host)
}

// identify gives the device whose token or credentials are right. Errors are *fedecks.Refusal and
// *callbackError.
func (s *Server) identify(ctx context.Context, r *http.Request) (string, error) {
	auth, err := fedecks.ParseAuth(r.Header.Values(fedecks.HeaderAuth), s.cfg.Codec)
	if err != nil {
		return auth.Device, err
	}
	if auth.HasToken {
		return auth.Device, s.checkToken(ctx, auth)
	}
	ok, err := s.authenticate(
		ctx,
		Login{Device: auth.Device, Credentials: auth.Credentials, Request: r},
	)
	if err != nil {
		return auth.Device, err
	}
	if !ok {
		return auth.Device, &fedecks.Refusal{Kind: fedecks.ErrAuthentication, Device: auth.Device}
	}
	return auth.Device, nil
}

func (s *Server) checkToken(ctx context.Context, auth fedecks.Auth) error {
	refuse := func(info string) error {
		return &fedecks.Refusal{Kind: fedecks.ErrToken, Device: auth.Device, Info: info}
	}
	token, err := s.keys.Open(auth.Token, time.Now())
	switch {
	case errors.Is(err, fedecks.ErrTokenExpired):
		return refuse("expired")
	case err != nil:
		return refuse("")
	case token.Device != auth.Device:
		return refuse(fmt.Sprintf("wrong device id in token, '%s'", token.Device))
	case !token.SignedAt.After(s.reg.revoked(auth.Device)):
		return refuse("revoked")
	}
	if s.cfg.ValidFrom == nil {
		return nil
	}
	var from time.Time
	err = s.call("ValidFrom", auth.Device, func() (err error) {
		from, err = s.cfg.ValidFrom(ctx, auth.Device)
		return err
	})
	switch {
	case err != nil:
		return err
	case token.SignedAt.Before(from):
		return refuse("revoked")
	}
	return nil
}

// callbackError is a fault of the handler's, not of the device.
type callbackError struct{ err error }

func (e *callbackError) Error() string { return "callback: " + e.err.Error() }
func (e *callbackError) Unwrap() error { return e.err }

func (s *Server) authenticate(ctx context.Context, l Login) (ok bool, err error) {
	err = s.call("Authenticate", l.Device, func() (err error) {
		ok, err = s.cfg.Handler.Authenticate(ctx, l)
		return err
	})
	return ok && err == nil, err
}

// call keeps a panic of a callback to this one request, and makes a *callbackError of it, as of an
// error. Its value is not shown: it may hold the credentials.
func (s *Server) call(name, device string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			s.log.Error().
				Bytes("stack", debug.Stack()).
				Str("device", device).
				Str("callback", name).
				Msg("a callback panicked")
			err = &callbackError{fmt.Errorf("panic with a %T", v)}
		}
	}()
	if err := f(); err != nil {
		return &callbackError{err}
	}
	return nil
}

func (s *Server) refused(ctx context.Context, r *http.Request, device string, err error) {
	s.log.Debug().Err(err).Str("device", device).Msg("refused")
	if s.cfg.Handler.SocketError == nil {
		return
	}
	_ = s.call("SocketError", device, func() error { // a panic is logged
		s.cfg.Handler.SocketError(ctx, SocketError{Device: device, Addr: r.RemoteAddr, Err: err})
		return nil
	})
}
