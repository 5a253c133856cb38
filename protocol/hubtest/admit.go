package hubtest

import (
	"cmp"
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

// answer is the hub's decision about a request to its device listener.
type answer struct {
	status int // 101: let in
	header http.Header
	body   string
	dev    *Device
	wire   wire // how it speaks
}

func (h *Hub) answerWith(status int, body string, header ...string) answer {
	a := answer{status: status, body: body, header: http.Header{}}
	a.header.Set("Date", h.cfg.Now().UTC().Format(http.TimeFormat))
	a.header.Set("Cache-Control", "max-age=0, private, must-revalidate")
	for i := 0; i+1 < len(header); i += 2 {
		a.header.Set(header[i], header[i+1])
	}
	return a
}

func (h *Hub) explained(status int, reason string) answer {
	return h.answerWith(status, reason, reasonHeader, reason)
}

// judge decides in NervesHub's order: size, path, method, origin, serializer, authentication,
// upgrade headers.
func (h *Hub) judge(r *http.Request) answer {
	if status := oversized(r); status != 0 {
		return h.answerWith(status, "", "Connection", "close")
	}
	site := h.cfg.Site
	switch r.URL.Path {
	case "/device-socket/websocket":
	case "/socket/websocket":
		if site.Web { // it is the people's there, and whoever brings no session is refused
			return h.answerWith(http.StatusForbidden, "")
		}
	case "/status/alive", "/_health", "/health", "/healthy":
		return h.answerWith(http.StatusOK, "Hello, Friend!")
	default:
		if site.Web {
			return h.answerWith(http.StatusNotFound, "")
		}
		return h.answerWith(http.StatusMovedPermanently, "", "Location", site.RedirectTo)
	}
	if r.Method != http.MethodGet {
		return h.answerWith(http.StatusBadRequest, "")
	}
	if refusal, ok := h.doors.refuseNext(); ok {
		return h.refused(refusal)
	}
	wire, served := h.wireFor(r.URL.Query().Get("vsn"))
	if foreign(r) || !served {
		return h.answerWith(http.StatusForbidden, "")
	}
	dev, refusal := h.authenticate(r)
	if dev == nil {
		return refusal
	}
	if problem := noUpgrade(r); problem != "" {
		return h.answerWith(http.StatusBadRequest, problem)
	}
	if _, err := transport.CheckUpgrade(r); err != nil {
		return h.answerWith(http.StatusBadRequest, err.Error())
	}
	a := h.answerWith(http.StatusSwitchingProtocols, "")
	a.dev, a.wire = dev, wire
	return a
}

func (h *Hub) refused(r Refusal) answer {
	a := h.answerWith(r.Status, r.Reason)
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

// wireFor chooses the serializer: JSON for "~> 2.0.0", MessagePack for "~> 3.0.0" where the server
// has it.
func (h *Hub) wireFor(vsn string) (wire, bool) {
	v, err := semver.StrictNewVersion(vsn)
	switch {
	case err != nil:
		return wire{}, false
	case h.rules.msgpack && roughly(v, "3.0.0"):
		return wire{msgpack: true}, true
	default:
		return wire{}, roughly(v, "2.0.0")
	}
}

// authenticate finds out who asks.
func (h *Hub) authenticate(r *http.Request) (*Device, answer) {
	h.doors.mu.Lock()
	noSecrets, noPlatform := h.doors.noSecrets, h.doors.noPlatform
	h.doors.mu.Unlock()
	unknown := h.answerWith(http.StatusUnauthorized, "")
	var dev *Device
	switch {
	case noPlatform:
		return nil, h.explained(http.StatusServiceUnavailable, reasonNoPlatform)
	case r.TLS != nil && len(r.TLS.PeerCertificates) > 0:
		identifier, err := h.identify(r.TLS.PeerCertificates)
		if err != nil {
			return nil, unknown
		}
		dev = h.admitted(identifier, "")
	case !hasX(r.Header):
		return nil, h.explained(http.StatusUnauthorized, reasonNoIdentity)
	case noSecrets:
		return nil, unknown
	default:
		headers := auth.HeadersOf(r.Header)
		identifier, err := h.verify(headers)
		if errors.Is(err, auth.ErrCrashed) {
			return nil, h.explained(http.StatusServiceUnavailable, reasonNoPlatform)
		}
		if err != nil {
			return nil, unknown
		}
		dev = h.keyHolder(headers, identifier)
	}
	if dev == nil {
		return nil, unknown
	}
	return dev, answer{}
}

// hasX: NervesHub takes any header with the prefix x- for an attempt with a shared secret, a
// proxy's X-Forwarded-For too.
func hasX(h http.Header) bool {
	for name := range h {
		if strings.HasPrefix(textproto.CanonicalMIMEHeaderKey(name), "X-") {
			return true
		}
	}
	return false
}

func (h *Hub) verify(headers auth.Headers) (string, error) {
	lookup := func(key string) (string, bool) {
		k, ok := h.keys[key]
		return k.Secret, ok
	}
	identifier, err := auth.Verify(headers, lookup, h.cfg.Now(), h.cfg.MaxAge)
	if h.rules.acceptFuture && errors.Is(err, auth.ErrFuture) {
		return auth.Verify(headers, lookup, h.cfg.Now(), auth.AnyAge)
	}
	return identifier, err
}

// keyHolder finds the device of a key, or creates the product's.
func (h *Hub) keyHolder(headers auth.Headers, identifier string) *Device {
	name, _ := headers.Get(auth.HeaderKey)
	k := h.keys[name]
	if !k.ofProduct() && k.Identifier != identifier {
		return nil
	}
	return h.admitted(identifier, k.Product)
}

// admitted finds or creates a device that has proven to be identifier. Nil: there is none that may
// come in.
func (h *Hub) admitted(identifier, product string) *Device {
	h.mu.Lock()
	if identifier == "" || h.devices[identifier] == nil && h.cfg.KnownOnly {
		h.mu.Unlock()
		return nil
	}
	d := h.device(identifier, product)
	h.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.product = cmp.Or(d.product, product)
	if d.deleted || product != "" && d.product != product {
		return nil
	}
	return d
}

// identify finds whose certificate it is: one that is pinned, or one of an authority, whose common
// name it bears.
func (h *Hub) identify(chain []*x509.Certificate) (string, error) {
	leaf, accepted := chain[0], h.cfg.Certificates
	if identifier, ok := accepted.Pinned[Fingerprint(leaf)]; ok {
		return identifier, nil
	}
	roots := x509.NewCertPool()
	for _, a := range accepted.Authorities {
		roots.AddCert(a)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, CurrentTime: h.cfg.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return "", fmt.Errorf("client certificate: %w", err)
	}
	if leaf.Subject.CommonName == "" {
		return "", errors.New("client certificate: no common name")
	}
	return leaf.Subject.CommonName, nil
}

// Fingerprint is the name of a certificate in Certificates.Pinned.
func Fingerprint(c *x509.Certificate) string {
	return fmt.Sprintf("%X", sha1.Sum(c.Raw)) //nolint:gosec // see the import
}
