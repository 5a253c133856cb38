package hubtest

import (
	"crypto/sha1" //nolint:gosec // how NervesHub names certificates
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/hublink-go/hublink/protocol/auth"
	"github.com/hublink-go/hublink/protocol/transport"
)

const (
	reasonHeader     = "nh-connection-error-reason"
	reasonNoIdentity = "no certificate pair or shared secrets connection settings were provided"
	reasonNoPlatform = "the platform could not be reached to authenticate this device"
)

// answer is the gate's decision about a request to the device listener.
type answer struct {
	status int // 101: let in
	header http.Header
	body   string
	dev    *Device
	wire   wire // how it speaks
}

// gate decides about requests to the device listener. It does no I/O.
type gate struct {
	cfg   *Config
	rules *rules
	keys  map[string]Key
	door  *Door
	// admit finds or creates the device of a proven identifier; nil: it is not let in
	admit func(identifier, product string) *Device
}

func newGate(
	cfg *Config, r *rules, door *Door, admit func(identifier, product string) *Device,
) gate {
	g := gate{cfg: cfg, rules: r, door: door, admit: admit}
	g.keys = make(map[string]Key, len(cfg.Keys))
	for _, k := range cfg.Keys {
		g.keys[k.Key] = k
	}
	return g
}

func (g *gate) answerWith(status int, body string, header ...string) answer {
	a := answer{status: status, body: body, header: http.Header{}}
	a.header.Set("Date", g.cfg.Now().UTC().Format(http.TimeFormat))
	a.header.Set("Cache-Control", "max-age=0, private, must-revalidate")
	for i := 0; i+1 < len(header); i += 2 {
		a.header.Set(header[i], header[i+1])
	}
	return a
}

func (g *gate) explained(status int, reason string) answer {
	return g.answerWith(status, reason, reasonHeader, reason)
}

// judge decides in NervesHub's order: size, path, method, origin, serializer, authentication,
// upgrade headers.
func (g *gate) judge(r *http.Request) answer {
	if status := oversized(r); status != 0 {
		return g.answerWith(status, "", "Connection", "close")
	}
	site := g.cfg.Site
	switch r.URL.Path {
	case "/device-socket/websocket":
	case "/socket/websocket":
		if site.Web { // the path of people there: a request without a session is refused
			return g.answerWith(http.StatusForbidden, "")
		}
	case "/status/alive", "/_health", "/health", "/healthy":
		return g.answerWith(http.StatusOK, "Hello, Friend!")
	default:
		if site.Web {
			return g.answerWith(http.StatusNotFound, "")
		}
		return g.answerWith(http.StatusMovedPermanently, "", "Location", site.RedirectTo)
	}
	if r.Method != http.MethodGet {
		return g.answerWith(http.StatusBadRequest, "")
	}
	if refusal, ok := g.door.refuseNext(); ok {
		return g.refused(refusal)
	}
	wire, served := g.wireFor(r.URL.Query().Get("vsn"))
	if foreign(r) || !served {
		return g.answerWith(http.StatusForbidden, "")
	}
	dev, refusal := g.authenticate(r)
	if dev == nil {
		return refusal
	}
	if problem := noUpgrade(r); problem != "" {
		return g.answerWith(http.StatusBadRequest, problem)
	}
	if _, err := transport.CheckUpgrade(r); err != nil {
		return g.answerWith(http.StatusBadRequest, err.Error())
	}
	a := g.answerWith(http.StatusSwitchingProtocols, "")
	a.dev, a.wire = dev, wire
	return a
}

func (g *gate) refused(r Refusal) answer {
	a := g.answerWith(r.Status, r.Reason)
	if r.Reason != "" {
		a.header.Set(reasonHeader, r.Reason)
	}
	if r.Location != "" {
		a.header.Set("Location", r.Location)
	}
	if r.RetryAfter > 0 {
		a.header.Set("Retry-After", fmt.Sprint(int(r.RetryAfter.Seconds())))
	}
	return a
}

// wireFor returns the serializer: JSON for "~> 2.0.0", MessagePack for "~> 3.0.0" where the server
// has it.
func (g *gate) wireFor(vsn string) (wire, bool) {
	v, err := semver.StrictNewVersion(vsn)
	switch {
	case err != nil:
		return wire{}, false
	case g.rules.msgpack && roughly(v, "3.0.0"):
		return wire{msgpack: true}, true
	default:
		return wire{}, roughly(v, "2.0.0")
	}
}

// authenticate returns the device that the request proves to be, or nil and the refusal.
func (g *gate) authenticate(r *http.Request) (*Device, answer) {
	noSecrets, noPlatform := g.door.outages()
	unknown := g.answerWith(http.StatusUnauthorized, "")
	var dev *Device
	switch {
	case noPlatform:
		return nil, g.explained(http.StatusServiceUnavailable, reasonNoPlatform)
	case r.TLS != nil && len(r.TLS.PeerCertificates) > 0:
		identifier, err := g.identify(r.TLS.PeerCertificates)
		if err != nil {
			return nil, unknown
		}
		dev = g.admit(identifier, "")
	case !hasX(r.Header):
		return nil, g.explained(http.StatusUnauthorized, reasonNoIdentity)
	case noSecrets:
		return nil, unknown
	default:
		headers := auth.HeadersOf(r.Header)
		identifier, err := g.verify(headers)
		if errors.Is(err, auth.ErrCrashed) {
			return nil, g.explained(http.StatusServiceUnavailable, reasonNoPlatform)
		}
		if err != nil {
			return nil, unknown
		}
		dev = g.keyHolder(headers, identifier)
	}
	if dev == nil {
		return nil, unknown
	}
	return dev, answer{}
}

// hasX reports whether a header has the prefix x-. NervesHub takes any such header for an attempt
// with a shared secret, a proxy's X-Forwarded-For too.
func hasX(h http.Header) bool {
	for name := range h {
		if strings.HasPrefix(textproto.CanonicalMIMEHeaderKey(name), "X-") {
			return true
		}
	}
	return false
}

func (g *gate) verify(headers auth.Headers) (string, error) {
	lookup := func(key string) (string, bool) {
		k, ok := g.keys[key]
		return k.Secret, ok
	}
	identifier, err := auth.Verify(headers, lookup, g.cfg.Now(), g.cfg.Limits.MaxAge)
	if g.rules.acceptFuture && errors.Is(err, auth.ErrFuture) {
		return auth.Verify(headers, lookup, g.cfg.Now(), auth.AnyAge)
	}
	return identifier, err
}

// keyHolder returns the device of a key. A product's key creates the device.
func (g *gate) keyHolder(headers auth.Headers, identifier string) *Device {
	name, _ := headers.Get(auth.HeaderKey)
	k := g.keys[name]
	if !k.ofProduct() && k.Identifier != identifier {
		return nil
	}
	return g.admit(identifier, k.Product)
}

// identify returns the identifier of a pinned certificate, or the common name of a certificate that
// an accepted authority has signed.
func (g *gate) identify(chain []*x509.Certificate) (string, error) {
	leaf, accepted := chain[0], g.cfg.Certificates
	if identifier, ok := accepted.Pinned[Fingerprint(leaf)]; ok {
		return identifier, nil
	}
	roots := x509.NewCertPool()
	for _, a := range accepted.Authorities {
		roots.AddCert(a)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, CurrentTime: g.cfg.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return "", fmt.Errorf("client certificate: %w", err)
	}
	if leaf.Subject.CommonName == "" {
		return "", errors.New("client certificate: no common name")
	}
	return leaf.Subject.CommonName, nil
}

// Fingerprint returns the key of a certificate in Certificates.Pinned.
func Fingerprint(c *x509.Certificate) string {
	return fmt.Sprintf("%X", sha1.Sum(c.Raw)) //nolint:gosec // see the import
}
