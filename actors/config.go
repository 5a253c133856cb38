package actors

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/protocol/auth"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/supervisor"
)

// Config says what a device is and what it is given. New checks all of it at once.
type Config struct {
	Identity string // the device identifier on the hub; required
	// root of the supervision tree, unique in System; empty: "device-" + Identity
	Name     string
	Hub      Hub      // where and how to connect
	Firmware Firmware // what updates need
	// the embedder's callbacks; zero: apply newer firmware and stop for the reboot
	Client     Client
	Extensions []extensions.Factory // offered to the hub; none: the extensions channel is not joined
	System     *supervisor.System   // to run under; nil: an own one, which ends with the device
	Logger     zerolog.Logger       // zero: silent
	OnEvent    func(Event)          // must not block; nil means that no events are told
	Seed       uint64               // of the jitter; zero: a random one
}

// Hub is the hub's address and the device's credentials: a shared secret, or a client certificate,
// or both.
type Hub struct {
	// host, host:port or ws, wss, http, https URL; without a scheme wss; without a path the usual one
	URL string
	// nil: none; its Identifier may be empty, Config.Identity is meant then
	Secret      *auth.SharedSecret
	Certificate func() (*tls.Certificate, error) // asked for at every dial; nil: none
	// root pool, server name; nil: the system's roots. At least TLS 1.2 is spoken
	TLS    *tls.Config
	Dialer transport.Dialer // nil: WebSocket over TCP, made of the above
	// remembers the time for a device whose clock forgets, about once a day; nil: not remembered
	Clock     ClockStore
	Heartbeat time.Duration // zero: 30 s
	// JSON or MessagePack, which falls back to JSON when the hub refuses it; empty: JSON
	Serializer string
	// messages go as they are, which saves up to 75 KB; false: smaller where the hub can
	NoCompress bool
	// more URLs of the hub, in order: after a dial that failed the next one is dialled, URL after the
	// last; Retry-After is for the URL that says it
	Fallbacks []string
	Proxy     ProxyFunc // of the socket and the downloads; nil: none
	// awaited before the first dial, a minute at most, for instance HasRoute; nil: the first dial is
	// at once
	Network NetworkProbe
}

// ProxyFunc chooses the proxy for a target, whose scheme is http or https: an http, https or socks5
// URL with the credentials as its user information, or nil for the direct way. The ProxyFunc of
// golang.org/x/net/http/httpproxy is one.
type ProxyFunc func(target *url.URL) (*url.URL, error)

// NetworkProbe is one quick look whether there is a way to target, a URL of the hub or of the proxy
// to it; an error says what is missing.
type NetworkProbe func(ctx context.Context, target *url.URL) error

// Serializers: how messages are written on the wire.
const (
	JSON        = "json"    // vsn 2.0.0, which every hub speaks
	MessagePack = "msgpack" // vsn 3.0.0, which hubs after release 2.4.0 speak
)

// ClockStore keeps the latest time that is known to have been, over restarts of a device whose
// clock does not.
type ClockStore interface {
	LoadTime() (time.Time, error) // the zero time when there is none
	SaveTime(t time.Time) error
}

// Firmware is what the update path works on.
type Firmware struct {
	Slots firmware.Slots // the boot record; required
	// takes the bytes, for any kind of device; required; slotdev.Device is both
	Applier firmware.Applier
	Journal Journal         // survives power loss; required
	Policy  firmware.Policy // zero: newer firmware for this device, with a checksum
	HTTP    *http.Client    // for downloads; nil: an own one that trusts what Hub.TLS trusts
	// a download without a byte for this long is tried again; zero: 60 s
	Stall      time.Duration
	RetryDelay time.Duration // longest wait between two tries of a download; zero: 30 s
	// commit only on Device.Commit; false: as soon as the device channel has joined
	ManualCommit bool
	// a trial that is not committed by then is reverted; zero: 15 min, negative: never
	CommitDeadline time.Duration
}

// Journal keeps the state of a running update over crashes and power loss. Save returns when the
// bytes are safe.
type Journal interface {
	Load() ([]byte, error) // nil, nil when there is none
	Save(data []byte) error
}

// Client is the embedder's part. Every callback is optional, runs in a goroutine that is not an
// actor's, one at a time in order, and gets a context that ends at its deadline: then, and when it
// panics, the default applies.
type Client struct {
	UpdateAvailable func(ctx context.Context, o firmware.Offer) firmware.Decision // default: apply
	Progress        func(ctx context.Context, p Progress)
	Error           func(ctx context.Context, err error) // an update failed
	// default: stop the tree, Wait returns ErrReboot
	Reboot       func(ctx context.Context, reason string) error
	Identify     func(ctx context.Context) // blink
	Connected    func(ctx context.Context)
	Disconnected func(ctx context.Context)
	Deadline     time.Duration // of each callback; zero: 30 s
}

// Progress of an update.
type Progress struct {
	UUID    string
	Stage   string // "downloading" or "updating"
	Percent int    // 0 to 100, never falling within an update
}

// Validate reports everything that is wrong with the config, each with the field and what is
// allowed.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Identity == "" {
		bad("Identity is empty: give the device identifier that the hub knows")
	}
	if _, err := c.Hub.urls(); err != nil {
		errs = append(errs, err)
	}
	if c.Hub.Secret == nil && c.Hub.Certificate == nil && c.Hub.Dialer == nil {
		bad("Hub has no credentials: give Hub.Secret or Hub.Certificate")
	}
	if s := c.Hub.Serializer; s != "" && s != JSON && s != MessagePack {
		bad("Hub.Serializer is %q: allowed are %s and %s", s, JSON, MessagePack)
	}
	if c.Hub.Secret != nil {
		if err := c.secret().Validate(); err != nil {
			errs = append(errs, fmt.Errorf("Hub.Secret: %w", err))
		}
	}
	if c.Firmware.Slots == nil {
		bad("Firmware.Slots is nil: give the boot record, for instance a slotdev.Device")
	}
	if c.Firmware.Applier == nil {
		bad("Firmware.Applier is nil: give what writes the slots, for instance a slotdev.Device")
	}
	if c.Firmware.Journal == nil {
		bad(
			"Firmware.Journal is nil: give a place that survives power loss, for instance actors.FileJournal",
		)
	}
	seen := map[string]bool{}
	for i, f := range c.Extensions {
		if err := f.Validate(); err != nil {
			bad("Extensions[%d]: %w", i, err)
		}
		if seen[f.Name] {
			bad("Extensions[%d]: %q is there twice: names are unique", i, f.Name)
		}
		seen[f.Name] = true
	}
	return errors.Join(errs...)
}

// secret is the shared secret with the identifier filled in.
func (c *Config) secret() auth.SharedSecret {
	s := *c.Hub.Secret
	if s.Identifier == "" {
		s.Identifier = c.Identity
	}
	return s
}

// urls completes Hub.URL and Hub.Fallbacks.
func (h *Hub) urls() ([]*url.URL, error) {
	all, errs := make([]*url.URL, 1+len(h.Fallbacks)), make([]error, 1+len(h.Fallbacks))
	all[0], errs[0] = h.complete("Hub.URL", h.URL)
	for i, raw := range h.Fallbacks {
		all[i+1], errs[i+1] = h.complete(fmt.Sprintf("Hub.Fallbacks[%d]", i), raw)
	}
	return all, errors.Join(errs...)
}

// complete adds scheme and path to a field's URL; the protocol version comes with each dial.
// Devices with a shared secret and devices with a certificate have paths of their own on the hub.
func (h *Hub) complete(field, raw string) (*url.URL, error) {
	const allowed = `give host, host:port, or a wss, ws, https or http URL`
	u, err := parseHubURL(raw)
	if err != nil {
		return nil, fmt.Errorf("%s %q cannot be read: %s", field, redactURL(raw), allowed)
	}
	switch u.Scheme {
	case "wss", "ws":
	case "https":
		u.Scheme = "wss"
	case "http":
		u.Scheme = "ws"
	default:
		return nil, fmt.Errorf("%s has the scheme %q: %s", field, u.Scheme, allowed)
	}
	if u.Host == "" || u.Hostname() == "" {
		return nil, fmt.Errorf("%s %q has no host: %s", field, redactURL(raw), allowed)
	}
	if u.User != nil || u.Fragment != "" {
		return nil, fmt.Errorf(
			"%s has a user or a fragment: leave them out, credentials go into Hub.Secret or Hub.Certificate",
			field,
		)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/device-socket/websocket"
		if h.Secret == nil {
			u.Path = "/socket/websocket"
		}
	}
	return u, nil
}

func parseHubURL(raw string) (*url.URL, error) {
	if !strings.Contains(raw, "://") {
		raw = "wss://" + raw
	}
	return url.Parse(raw)
}

// redactURL returns scheme and host of an address that may carry credentials.
func redactURL(raw string) string {
	u, err := parseHubURL(raw)
	if err != nil {
		return "(unreadable)"
	}
	return u.Scheme + "://" + u.Host
}
