package transport

import (
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // what RFC 6455 prescribes; it protects nothing
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// target is a request whose URL and headers have been checked.
type target struct {
	url    *url.URL // http or https, without fragment
	header http.Header
	secure bool
	host   string
	port   string
	addr   string // host:port
	from   string // host:port that redirected here
	moved  bool   // a redirect led to another host than the configured one
}

// newTarget checks a request before the dial.
func newTarget(req Request) (*target, error) {
	bad := func(where, format string, args ...any) error {
		return &PhaseError{Phase: PhaseRequest, Target: where, Err: fmt.Errorf(format, args...)}
	}
	if req.URL == nil || req.URL.Hostname() == "" {
		return nil, bad("(no host)", "the URL has no host")
	}
	u := *req.URL
	t := &target{
		url:    &u,
		host:   u.Hostname(),
		port:   u.Port(),
		header: make(http.Header, len(req.Header)+6),
	}
	switch strings.ToLower(u.Scheme) {
	case "ws", "http":
		u.Scheme, t.port = "http", orPort(t.port, "80")
	case "wss", "https":
		u.Scheme, t.port, t.secure = "https", orPort(t.port, "443"), true
	default:
		return nil, bad(t.host, "scheme %q is not ws or wss", u.Scheme)
	}
	t.addr = net.JoinHostPort(t.host, t.port)
	if u.User != nil {
		return nil, bad(t.addr, "the URL has user information")
	}
	u.Fragment, u.RawFragment = "", ""
	for name, values := range req.Header {
		if name = http.CanonicalHeaderKey(name); reserved(name) {
			return nil, bad(t.addr, "header %s belongs to the handshake", name)
		}
		t.header[name] = append(t.header[name], values...)
	}
	return t, nil
}

func orPort(port, otherwise string) string {
	if port == "" {
		return otherwise
	}
	return port
}

func reserved(name string) bool {
	switch name {
	case "Host", "Connection", "Upgrade", "Origin", "Content-Length", "Transfer-Encoding", "Trailer":
		return true
	}
	return strings.HasPrefix(name, "Sec-Websocket-")
}

func (t *target) fail(p Phase, err error) error {
	return &PhaseError{Phase: p, Target: t.addr, Err: err}
}

// request returns the upgrade request, without a subprotocol and with no extension except
// compression.
func (t *target) request(nonce string, c Compression) *http.Request {
	h := t.header.Clone()
	h.Set("Connection", "Upgrade")
	h.Set("Upgrade", "websocket")
	h.Set("Sec-WebSocket-Version", "13")
	h.Set("Sec-WebSocket-Key", nonce)
	if offer := c.offer(); offer != "" {
		h.Set(extensionsName, offer)
	}
	return &http.Request{
		Method:     http.MethodGet,
		URL:        t.url,
		Host:       t.url.Host,
		Header:     h,
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
	}
}

// newNonce returns 16 random bytes in base64 (RFC 6455 section 4.1).
func newNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.StdEncoding.EncodeToString(b[:])
}

// acceptKey returns the answer to a nonce (RFC 6455 section 4.2.2).
func acceptKey(nonce string) string {
	sum := sha1.Sum(
		[]byte(nonce + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"),
	) //nolint:gosec // see the import
	return base64.StdEncoding.EncodeToString(sum[:])
}

// hasToken reports whether a header that is a comma-separated list contains token, in any case.
func hasToken(h http.Header, name, token string) bool {
	for _, line := range h.Values(name) {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

// checkAnswer checks a 101 answer to nonce (RFC 6455 section 4.1). It refuses a subprotocol,
// because request asks for none; Compression.confirm checks the extensions.
func checkAnswer(r *http.Response, nonce string) error {
	switch {
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return fmt.Errorf("%w: answer is not HTTP/1.1", ErrNotWebSocket)
	case !hasToken(r.Header, "Upgrade", "websocket"):
		return fmt.Errorf("%w: answer without Upgrade: websocket", ErrNotWebSocket)
	case !hasToken(r.Header, "Connection", "upgrade"):
		return fmt.Errorf("%w: answer without Connection: Upgrade", ErrNotWebSocket)
	case r.Header.Get("Sec-WebSocket-Accept") != acceptKey(nonce):
		return fmt.Errorf("%w: answer with a wrong Sec-WebSocket-Accept", ErrNotWebSocket)
	case r.Header.Get("Sec-WebSocket-Protocol") != "":
		return fmt.Errorf("%w: answer with a subprotocol that was not asked for", ErrNotWebSocket)
	}
	return nil
}

// CheckUpgrade checks an upgrade request (RFC 6455 section 4.2.1) without answering it. status is
// the status of the refusal.
func CheckUpgrade(r *http.Request) (status int, err error) {
	key, keyErr := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key"))
	switch {
	case r.Method != http.MethodGet:
		return http.StatusBadRequest, fmt.Errorf("%w: method is not GET", ErrNotWebSocket)
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return http.StatusBadRequest, fmt.Errorf("%w: request is not HTTP/1.1", ErrNotWebSocket)
	case !hasToken(r.Header, "Upgrade", "websocket"):
		return http.StatusBadRequest, fmt.Errorf(
			"%w: request without Upgrade: websocket",
			ErrNotWebSocket,
		)
	case !hasToken(r.Header, "Connection", "upgrade"):
		return http.StatusBadRequest, fmt.Errorf(
			"%w: request without Connection: Upgrade",
			ErrNotWebSocket,
		)
	case r.Header.Get("Sec-WebSocket-Version") != "13":
		return http.StatusUpgradeRequired, fmt.Errorf("%w: version is not 13", ErrNotWebSocket)
	case keyErr != nil || len(key) != 16:
		return http.StatusBadRequest, fmt.Errorf(
			"%w: request with a wrong Sec-WebSocket-Key",
			ErrNotWebSocket,
		)
	}
	return http.StatusSwitchingProtocols, nil
}
