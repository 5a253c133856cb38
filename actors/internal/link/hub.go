package link

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/dialplan"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/auth"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/supervisor"
)

// The names of the serializers in Status.
const (
	jsonName        = "json"
	messagePackName = "msgpack"
)

// Hub is the edge to the hub: it signs, dials, and looks whether there is a way to the hub. It may
// be used from any goroutine.
type Hub struct {
	Secret  *auth.SharedSecret // nil: a certificate alone
	Dialer  transport.Dialer
	Network func(ctx context.Context, target *url.URL) error // nil: there is no probe
	Proxy   func(target *url.URL) (*url.URL, error)          // nil: none
	Clock   *Clock
}

// dial opens a socket to target, for the serializer that s chooses.
func (h *Hub) dial(ctx context.Context, target *url.URL, s dialplan.Serializer) dialed {
	d := h.dialAs(ctx, target, s.Begin())
	verdict := s.Ended(outcome(d.err))
	if verdict == dialplan.Retry {
		d = h.dialAs(ctx, target, s.Codec())
		verdict = s.Ended(outcome(d.err))
	}
	d.serializer, d.settled = s, verdict == dialplan.Settled
	return d
}

// outcome is how a dial ended, as far as the choice of the serializer goes.
func outcome(err error) dialplan.Outcome {
	var refused *transport.RefusedError
	switch {
	case err == nil:
		return dialplan.Open
	case !errors.As(err, &refused):
		return dialplan.Unreachable
	case refused.Status == http.StatusForbidden:
		return dialplan.Forbidden
	default:
		return dialplan.Refused
	}
}

// serializerOf names a codec.
func serializerOf(c protocol.Codec) string {
	if c.Binary() {
		return messagePackName
	}
	return jsonName
}

// dialAs dials for a codec, with the credentials of the device, signed now.
func (h *Hub) dialAs(ctx context.Context, target *url.URL, codec protocol.Codec) dialed {
	header := make(http.Header, 4)
	if h.Secret != nil {
		signed, err := h.Secret.Sign(h.Clock.Now())
		if err != nil {
			return dialed{err: err}
		}
		for _, f := range signed {
			header.Set(f.Name, f.Value)
		}
	}
	u := *target
	q := u.Query()
	q.Set("vsn", codec.Version())
	u.RawQuery = q.Encode()
	conn, err := h.Dialer.Dial(ctx, transport.Request{URL: &u, Header: header})
	return dialed{conn: conn, codec: codec, err: err}
}

// probe looks for a way to any of the hub's URLs.
func (h *Hub) probe(ctx context.Context, urls []*url.URL) (err error) {
	for _, u := range urls {
		ctx, cancel := context.WithTimeout(ctx, dialplan.ProbeTime)
		err = h.Network(ctx, h.via(u))
		cancel()
		if err == nil {
			return nil
		}
	}
	return err
}

// via returns the URL of the peer that is dialled for u: the proxy, or the hub.
func (h *Hub) via(u *url.URL) *url.URL {
	if h.Proxy == nil {
		return u
	}
	target := *u
	target.Scheme = "http" + strings.TrimPrefix(u.Scheme, "ws")
	if proxy, err := h.Proxy(&target); err == nil && proxy != nil {
		return proxy
	}
	return u // the dial reports the error
}

// refused takes the hub's time from a refusal of the signature: a wrong clock is the usual reason
// for one.
func (h *Hub) refused(ctx *supervisor.Ctx, r *transport.RefusedError, log *zerolog.Logger) {
	if r.Status != http.StatusUnauthorized || h.Secret == nil {
		return
	}
	if date, err := http.ParseTime(r.Header.Get("Date")); err == nil {
		h.Clock.refused(ctx, date, log)
	}
}
