package transport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// defaultRedirects is the number of redirects that a dial follows, as in NervesHub's client.
const defaultRedirects = 2

// ErrRedirect is part of a RefusedError whose redirect Dial did not follow, with the reason.
var ErrRedirect = errors.New("redirect not followed")

// Dial opens a link. Cancelling ctx ends every phase at once, and has no effect after the return.
// Dial follows redirects; the next Dial starts at the request's URL again. An error after a
// redirect names it.
func (d *WebSocket) Dial(ctx context.Context, req Request) (Conn, error) {
	t, err := newTarget(req)
	if err != nil {
		return nil, err
	}
	left := d.Redirects
	if left == 0 {
		left = defaultRedirects
	}
	been := []string{t.url.String()}
	for {
		c, err := d.dial(ctx, t)
		var refused *RefusedError
		if left < 0 || !errors.As(err, &refused) || !isRedirect(refused.Status) {
			return c, t.behind(err)
		}
		next, err := t.follow(refused.Header.Get("Location"))
		switch {
		case err != nil:
		case slices.Contains(been, next.url.String()):
			err = errors.New("it leads back to where it came from")
		case left == 0:
			err = errors.New("there were too many before it")
		}
		if err != nil {
			refused.Err = fmt.Errorf("%w: %w", ErrRedirect, err)
			return nil, t.behind(refused)
		}
		been = append(been, next.url.String())
		t, left = next, left-1
	}
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently,
		http.StatusFound,
		http.StatusSeeOther,
		http.StatusTemporaryRedirect,
		http.StatusPermanentRedirect:
		return true
	}
	return false
}

// behind adds the redirect to an error.
func (t *target) behind(err error) error {
	if err == nil || t.from == "" {
		return err
	}
	return fmt.Errorf("redirected from %s: %w", t.from, err)
}

// follow returns the target of a Location. Its errors contain only the host, because the rest of
// the URL can be secret.
func (t *target) follow(location string) (*target, error) {
	if location == "" {
		return nil, errors.New("the answer has no Location")
	}
	u, err := t.url.Parse(location)
	if err != nil {
		return nil, errors.New("its Location is no URL")
	}
	next, err := newTarget(Request{URL: u, Header: t.header})
	switch {
	case err != nil:
		return nil, fmt.Errorf("its Location is unusable: %w", err)
	case t.secure && !next.secure:
		return nil, fmt.Errorf("it leads to %s without TLS", next.addr)
	}
	next.from = t.addr
	next.moved = t.moved || next.host != t.host
	if !t.sameOrigin(next) {
		next.header = make(http.Header)
	}
	return next, nil
}

// sameOrigin reports whether next may receive the headers of the request, which are the device's
// credentials: the same host with the same port, or with the standard port of TLS after that of
// HTTP.
func (t *target) sameOrigin(next *target) bool {
	upgraded := t.port == "80" && next.port == "443" && next.secure
	return t.host == next.host && (t.port == next.port || upgraded)
}
