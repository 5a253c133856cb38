package hubtest

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"

	"github.com/hublink-go/hublink/protocol/auth"
)

// Mode selects how devices reach the hub.
type Mode uint8

// The modes.
const (
	Plain Mode = iota // TCP on the loopback interface
	// TLS on the loopback interface, with a certificate of an authority that lives as long as the hub
	TLS
	// no sockets: Hub.Dialer and Hub.RoundTripper; works under virtual time (testing/synctest)
	Memory
)

// Config configures a hub. The zero value is today's hub on a plain socket with one
// product key.
type Config struct {
	Profile Profile
	Mode    Mode
	// host:port of the devices' listener, not in memory; empty: any port of 127.0.0.1
	Listen string
	Reach  Reach // how devices on other machines reach it
	// shared secrets; nil, without certificates: the one that Hub.Secret uses
	Keys         []Key
	Certificates Certificates // client certificates, in the modes TLS and Memory
	Site         Site         // which of NervesHub's listeners it is
	// devices that Hub.Device was not asked for are refused; else they are created as they come
	KnownOnly  bool
	Extensions []string    // switched on; nil: all that the profile and Custom have
	Custom     []Extension // that the hub has beside those of its profile
	OnJoin     OnJoin      // what devices get when they join
	// messages that are kept of every device; zero: none, see Device.Record
	Record       int
	Limits       Limits
	RolloutEvery time.Duration // least time between two rounds of offers; zero: 3 s
	Now          func() time.Time
}

// Reach says how devices reach a hub that listens on the network.
type Reach struct {
	// host name or IP address for Hub.URL, the addresses of offers and the hub's certificate; empty:
	// where it listens
	Advertise string
	// host:port of the listener for downloads; empty: any port where Config.Listen is
	Downloads string
}

func (r *Reach) check() error {
	if strings.ContainsAny(r.Advertise, "/@ []") ||
		strings.Contains(r.Advertise, ":") && net.ParseIP(r.Advertise) == nil {
		return fmt.Errorf("hubtest: Advertise %q: give a host name or an IP address, without a port",
			r.Advertise)
	}
	return nil
}

// Limits are those that an operator of NervesHub can set.
type Limits struct {
	// without a byte from the device until its socket is closed with 1002; zero: 180 s
	Idle   time.Duration
	MaxAge time.Duration // of a signature; zero: 90 s
	// connections a second, more are cut before TLS; zero: no limit. NervesHub: 100
	HandshakeRate int
}

// Extension is one that the hub serves beside those of its profile, or in place of one of them, so
// that a device's own extension can be tried.
type Extension struct {
	Name     string   // without a colon
	Versions []string // newest first: major.minor.patch
	// the event without the name that the hub pushes when the extension is attached, and with
	// Extensions.Ask; empty: none for a new name, NervesHub's for one of the profile
	Ask string
}

// Check reports what is wrong with the name or the versions.
func (x Extension) Check() error {
	if x.Name == "" || strings.Contains(x.Name, ":") {
		return fmt.Errorf("extension %q: the name must not be empty or hold a colon", x.Name)
	}
	if len(x.Versions) == 0 {
		return fmt.Errorf("extension %s: Versions is empty", x.Name)
	}
	for _, v := range x.Versions {
		if _, err := semver.StrictNewVersion(v); err != nil {
			return fmt.Errorf("extension %s, version %q: %w", x.Name, v, err)
		}
	}
	return nil
}

// Site selects which of NervesHub's listeners devices come to. The zero value is the one for
// devices.
type Site struct {
	// the listener for people: shared secrets only, on /device-socket/websocket; /socket/websocket
	// answers 403, and a drain closes it with 1000
	Web bool
	// target of the redirect of other paths on the listener for devices; empty:
	// https://docs.nerves-hub.org/
	RedirectTo string
}

// OnJoin configures what the hub pushes to a device after its join.
type OnJoin struct {
	FirmwareKeys   []string // to devices that ask for them
	ArchiveKeys    []string // the same for archives
	ConnectingCode string   // run on every device
}

// Key is a shared secret that the hub accepts.
type Key struct {
	Key        string // nhp_...: a product's; any other is one device's
	Secret     string
	Product    string // of a product's key; empty: "product"
	Identifier string // of a device's key: the only identifier that it is good for
}

// String omits the secret.
func (k Key) String() string { return "key " + k.Key }

// GoString omits the secret.
func (k Key) GoString() string { return "hubtest.Key{" + k.Key + "}" }

// LogValue omits the secret.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.Key) }

func (k Key) ofProduct() bool { return strings.HasPrefix(k.Key, "nhp_") }

// Certificates configures the client certificates that the hub accepts, and its own. A device
// without a certificate completes the handshake and is judged at the level of HTTP; the handshake
// of a device whose certificate is not accepted fails.
type Certificates struct {
	Authorities []*x509.Certificate // a certificate that one of them has signed is its common name's
	// from the upper-case hex SHA-1 of a certificate to an identifier: accepted even when expired
	Pinned map[string]string
	TLS13  bool // else TLS 1.2 only, as NervesHub has it
	// the hub's own, in the mode TLS; nil: one of an authority that is made for it
	Server *tls.Certificate
}

// defaultKey is the key of a hub without configured keys. Hub.Secret returns the device's side.
var defaultKey = Key{
	Key:    "nhp_" + strings.Repeat("hubtest", 6) + "A",
	Secret: strings.Repeat("simulated", 4) + "7654321",
}

func (c Config) withDefaults() (Config, error) {
	if c.Profile >= profiles {
		return c, fmt.Errorf("hubtest: Profile %d is unknown", c.Profile)
	}
	if c.Mode > Memory {
		return c, fmt.Errorf("hubtest: Mode %d is unknown", c.Mode)
	}
	if err := c.Reach.check(); err != nil {
		return c, err
	}
	if c.Mode == Plain && (len(c.Certificates.Authorities) > 0 || len(c.Certificates.Pinned) > 0) {
		return c, errors.New("hubtest: Certificates need the mode TLS or Memory")
	}
	if c.Mode != TLS && c.Certificates.Server != nil {
		return c, errors.New("hubtest: Certificates.Server needs the mode TLS")
	}
	if c.Site.Web && (len(c.Certificates.Authorities) > 0 || len(c.Certificates.Pinned) > 0) {
		return c, errors.New("hubtest: the listener for people asks for no Certificates")
	}
	l := &c.Limits
	if l.HandshakeRate < 0 || l.Idle < 0 || l.MaxAge < 0 || c.RolloutEvery < 0 || c.Record < 0 {
		return c, errors.New(
			"hubtest: Record, Idle, MaxAge, HandshakeRate and RolloutEvery must not be negative",
		)
	}
	if c.Keys == nil && len(c.Certificates.Authorities) == 0 && len(c.Certificates.Pinned) == 0 {
		c.Keys = []Key{defaultKey}
	}
	c.Keys = slices.Clone(c.Keys)
	for i := range c.Keys {
		k := &c.Keys[i]
		k.Product = cmp.Or(k.Product, "product")
		if k.Key == "" || k.Secret == "" || !k.ofProduct() && k.Identifier == "" {
			return c, fmt.Errorf(
				"hubtest: Keys[%d]: key, secret and, for a device's key, identifier are required",
				i,
			)
		}
	}
	for _, x := range c.Custom {
		if err := x.Check(); err != nil {
			return c, fmt.Errorf("hubtest: Custom: %w", err)
		}
	}
	c.Site.RedirectTo = cmp.Or(c.Site.RedirectTo, "https://docs.nerves-hub.org/")
	l.Idle = cmp.Or(l.Idle, 180*time.Second)
	l.MaxAge = cmp.Or(l.MaxAge, auth.DefaultMaxAge)
	c.RolloutEvery = cmp.Or(c.RolloutEvery, 3*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}

// rules returns the rules of the profile, with the custom extensions.
func (c *Config) rules() rules {
	r := c.Profile.rules()
	for _, x := range c.Custom {
		r.serve(offered{name: x.Name, versions: slices.Clone(x.Versions), ask: x.Ask})
	}
	return r
}

// settings returns the part of the configuration that joins see.
func (c *Config) settings(r *rules) *settings {
	s := &settings{
		firmwareKeys:   c.OnJoin.FirmwareKeys,
		archiveKeys:    c.OnJoin.ArchiveKeys,
		connectingCode: c.OnJoin.ConnectingCode,
	}
	if c.Extensions != nil {
		s.disabled = make(map[string]bool)
		for _, o := range r.extensions {
			s.disabled[o.name] = !slices.Contains(c.Extensions, o.name)
		}
	}
	return s
}
