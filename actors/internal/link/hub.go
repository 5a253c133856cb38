package link

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/auth"
	"github.com/hublink-go/hublink/protocol/transport"
)

// The names of the serializers in Status.
const (
	jsonName        = "json"
	messagePackName = "msgpack"
)

// Hub is the edge to the hub: it signs and dials. It remembers, for the life of the process, which
// of the URLs works and which serializer the hub takes.
type Hub struct {
	Secret      *auth.SharedSecret // nil: a certificate alone
	MessagePack bool               // wanted; the hub may refuse it
	Dialer      transport.Dialer
	Network     func(ctx context.Context, target *url.URL) error // nil: not awaited
	Proxy       func(target *url.URL) (*url.URL, error)          // nil: none
	Clock       *Clock

	route   route
	asJSON  atomic.Bool // the hub has refused MessagePack
	awaited atomic.Bool // the network, before the first dial
}

// SetURLs sets the URLs of the hub, in the order in which they are tried. It is called before the
// device starts.
func (h *Hub) SetURLs(urls []*url.URL) { h.route.all = urls }

// dial opens a socket to the hub. It asks a hub that refuses MessagePack for JSON at once, and from
// then on. A hub answers 403, but so may a proxy in between: only one that goes further with JSON
// is taken for such a hub.
func (h *Hub) dial(ctx context.Context, log *zerolog.Logger) dialed {
	if !h.MessagePack || h.asJSON.Load() {
		return h.dialAs(ctx, protocol.JSON{})
	}
	packed := h.dialAs(ctx, protocol.MessagePack{})
	if !forbidden(packed.err) {
		return packed
	}
	plain := h.dialAs(ctx, protocol.JSON{})
	var refused *transport.RefusedError
	if !forbidden(plain.err) && (plain.err == nil || errors.As(plain.err, &refused)) {
		h.asJSON.Store(true)
		log.Warn().Msg("the hub refuses MessagePack; using JSON until the agent starts again")
	}
	return plain
}

// forbidden reports whether the hub has answered 403, as it does to a protocol version that it does
// not know.
func forbidden(err error) bool {
	var refused *transport.RefusedError
	return errors.As(err, &refused) && refused.Status == http.StatusForbidden
}

// serializerOf names a codec.
func serializerOf(c protocol.Codec) string {
	if c.Binary() {
		return messagePackName
	}
	return jsonName
}

// dialAs dials for a codec, with the credentials of the device, signed now.
func (h *Hub) dialAs(ctx context.Context, codec protocol.Codec) dialed {
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
	u := *h.route.now()
	q := u.Query()
	q.Set("vsn", codec.Version())
	u.RawQuery = q.Encode()
	conn, err := h.Dialer.Dial(ctx, transport.Request{URL: &u, Header: header})
	return dialed{conn: conn, codec: codec, err: err}
}
