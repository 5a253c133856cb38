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

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/protocol/transport"
)

// gate judges who may connect.
type gate struct {
	cfg  *Config
	keys *fedecks.Keyring
	reg  *registry
	rate *rates
	log  zerolog.Logger
}

// admit returns the device that may connect, or the HTTP status to refuse r with.
func (g *gate) admit(r *http.Request) (device string, refused int) {
	if status, err := transport.CheckUpgrade(r); err != nil {
		return "", status
	}
	if foreign(r) {
		return "", http.StatusForbidden
	}
	if !g.rate.allow(g.cfg.Address(r), time.Now()) {
		return "", http.StatusTooManyRequests
	}
	ctx, cancel := context.WithTimeout(r.Context(), g.cfg.Limits.Handshake)
	defer cancel()
	device, err := g.identify(ctx, r)
	var failed *callbackError
	switch {
	case errors.As(err, &failed):
		g.log.Error().Err(err).Str("device", device).
			Msg("request refused with status 500: a callback failed")
		return device, http.StatusInternalServerError
	case err != nil:
		g.refused(ctx, r, device, err)
		return device, http.StatusForbidden
	case g.cfg.Duplicates == RefuseNewer:
		if g.reg.connected(device) {
			return device, http.StatusConflict
		}
	}
	return device, 0
}

// foreign reports whether the request comes from a web page of another site (RFC 6455 section
// 10.2). Devices send no Origin.
func foreign(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || !strings.EqualFold(u.Host, r.Host)
}

// identify returns the device that r proves to come from. With an error, a *fedecks.Refusal or a
// *callbackError, it returns the device that r names.
func (g *gate) identify(ctx context.Context, r *http.Request) (string, error) {
	auth, err := fedecks.ParseAuth(r.Header.Values(fedecks.HeaderAuth), g.cfg.Codec)
	if err != nil {
		return auth.Device, err
	}
	if auth.HasToken {
		return auth.Device, g.checkToken(ctx, auth)
	}
	login := Login{Device: auth.Device, Credentials: auth.Credentials, Request: r}
	ok, err := g.authenticate(ctx, login)
	if err != nil {
		return auth.Device, err
	}
	if !ok {
		return auth.Device, &fedecks.Refusal{Kind: fedecks.ErrAuthentication, Device: auth.Device}
	}
	return auth.Device, nil
}

func (g *gate) checkToken(ctx context.Context, auth fedecks.Auth) error {
	refuse := func(info string) error {
		return &fedecks.Refusal{Kind: fedecks.ErrToken, Device: auth.Device, Info: info}
	}
	token, err := g.keys.Open(auth.Token, time.Now())
	switch {
	case errors.Is(err, fedecks.ErrTokenExpired):
		return refuse("expired")
	case err != nil:
		return refuse("")
	case token.Device != auth.Device:
		return refuse(fmt.Sprintf("wrong device id in token, '%s'", token.Device))
	case !token.SignedAt.After(g.reg.revokedUntil(auth.Device)):
		return refuse("revoked")
	}
	if g.cfg.ValidFrom == nil {
		return nil
	}
	var from time.Time
	err = g.call("ValidFrom", auth.Device, func() (err error) {
		from, err = g.cfg.ValidFrom(ctx, auth.Device)
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

// callbackError is a fault of a callback, not of the device.
type callbackError struct{ err error }

func (e *callbackError) Error() string { return "callback: " + e.err.Error() }
func (e *callbackError) Unwrap() error { return e.err }

func (g *gate) authenticate(ctx context.Context, l Login) (ok bool, err error) {
	err = g.call("Authenticate", l.Device, func() (err error) {
		ok, err = g.cfg.Handler.Authenticate(ctx, l)
		return err
	})
	return ok && err == nil, err
}

// call calls f and returns its error, or its panic, as a *callbackError, so that a panic ends this
// request only. It does not log the value of the panic, which may hold the credentials.
func (g *gate) call(name, device string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			g.log.Error().Bytes("stack", debug.Stack()).Str("device", device).Str("callback", name).
				Msg("a callback panicked, the request is refused")
			err = &callbackError{fmt.Errorf("panic with a %T", v)}
		}
	}()
	if err := f(); err != nil {
		return &callbackError{err}
	}
	return nil
}

// refused logs a refusal and tells Handler.SocketError.
func (g *gate) refused(ctx context.Context, r *http.Request, device string, err error) {
	g.log.Debug().Err(err).Str("device", device).Msg("request refused")
	if g.cfg.Handler.SocketError == nil {
		return
	}
	_ = g.call("SocketError", device, func() error { // call logs a panic
		g.cfg.Handler.SocketError(ctx, SocketError{Device: device, Addr: r.RemoteAddr, Err: err})
		return nil
	})
}
