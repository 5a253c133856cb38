package hubtest

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/auth"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/protocol/transport/transporttest"
)

// upgradeHead is the head of an upgrade request, to be changed.
type upgradeHead struct {
	method, target, proto string
	header                http.Header
}

func newHead(t *testing.T, h *Hub) *upgradeHead {
	header := request(t, h, h.Secret("dev-1")).Header.Clone()
	for name, value := range map[string]string{
		"Host": "hub.test", "Connection": "Upgrade", "Upgrade": "websocket",
		"Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key":     "dGhlIHNhbXBsZSBub25jZQ==",
	} {
		header.Set(name, value)
	}
	return &upgradeHead{"GET", "/device-socket/websocket?vsn=2.0.0", "HTTP/1.1", header}
}

// ask sends the request on a connection of its own and gives answer and body. The connection of a
// 101 is closed.
func (u *upgradeHead) ask(t *testing.T, h *Hub) (*http.Response, string) {
	t.Helper()
	nc := rawConn(t, h)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\r\n", u.method, u.target, u.proto)
	require.NoError(t, u.header.Write(&b))
	_, err := io.WriteString(nc, b.String()+"\r\n")
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	require.NoError(t, err)
	defer closeBody(t, resp)
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return resp, ""
	}
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body)
}

func rawConn(t *testing.T, h *Hub) net.Conn {
	t.Helper()
	_, address, _ := strings.Cut(h.URL(), "://")
	var d net.Dialer
	nc, err := d.DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	if h.cfg.Mode == TLS {
		nc = tls.Client(
			nc,
			&tls.Config{RootCAs: h.RootCAs(), ServerName: "localhost", MinVersion: tls.VersionTLS12},
		)
	}
	require.NoError(t, nc.SetDeadline(time.Now().Add(20*time.Second)))
	return nc
}

func withSecret(t *testing.T, u *upgradeHead, s auth.SharedSecret, at time.Time) {
	t.Helper()
	headers, err := s.Sign(at)
	require.NoError(t, err)
	for _, one := range headers {
		u.header.Set(one.Name, one.Value)
	}
}

func withoutSecret(u *upgradeHead) {
	for name := range u.header {
		if strings.HasPrefix(name, "X-") {
			u.header.Del(name)
		}
	}
}

// httpRow is what is asked and what the hub answers to it.
type httpRow struct {
	name   string
	cfg    func(*Config)
	hub    func(*Hub)
	ask    func(*testing.T, *Hub, *upgradeHead)
	status int
	reason string // header nh-connection-error-reason and body
	body   string // where there is no reason
}

var statusRows = []httpRow{
	{
		name: "no client certificate and no header starting with x-", status: 401,
		reason: reasonNoIdentity,
		ask:    func(_ *testing.T, _ *Hub, u *upgradeHead) { withoutSecret(u) },
	},
	{
		name: "unknown key", status: 401,
		ask: func(t *testing.T, _ *Hub, u *upgradeHead) {
			withSecret(
				t,
				u,
				auth.SharedSecret{Key: "nhp_nobody", Secret: "s", Identifier: "dev-1"},
				time.Now(),
			)
		},
	},
	{
		name: "expired signature", status: 401,
		ask: func(t *testing.T, h *Hub, u *upgradeHead) {
			withSecret(t, u, h.Secret("dev-1"), time.Now().Add(-91*time.Second))
		},
	},
	{
		name: "a signature as old as a hub of another setting allows",
		cfg:  func(c *Config) { c.Limits.MaxAge = time.Hour }, status: 101,
		ask: func(t *testing.T, h *Hub, u *upgradeHead) {
			withSecret(t, u, h.Secret("dev-1"), time.Now().Add(-91*time.Second))
		},
	},
	{
		name: "wrong secret", status: 401,
		ask: func(t *testing.T, h *Hub, u *upgradeHead) {
			wrong := h.Secret("dev-1")
			wrong.Secret += "x"
			withSecret(t, u, wrong, time.Now())
		},
	},
	{
		name: "shared secrets disabled", hub: func(h *Hub) { h.Door().AcceptSecrets(false) },
		status: 401,
	},
	{
		name: "signature from the future", status: 401,
		ask: func(t *testing.T, h *Hub, u *upgradeHead) {
			withSecret(t, u, h.Secret("dev-1"), time.Now().Add(time.Minute))
		},
	},
	{
		name: "signature from the future, release 2.4.0", cfg: func(c *Config) { c.Profile = ProfileOld },
		status: 101,
		ask: func(t *testing.T, h *Hub, u *upgradeHead) {
			withSecret(t, u, h.Secret("dev-1"), time.Now().Add(time.Minute))
		},
	},
	{name: "device deleted", hub: func(h *Hub) { h.Device("dev-1").Delete(true) }, status: 401},
	{
		name:   "device of another product",
		hub:    func(h *Hub) { h.Device("dev-1").Move("other") },
		status: 401,
	},
	{
		name:   "platform not reachable",
		hub:    func(h *Hub) { h.Door().PlatformDown(true) },
		status: 503,
		reason: reasonNoPlatform,
	},
	{
		name: "exception while authenticating", status: 503, reason: reasonNoPlatform,
		ask: func(_ *testing.T, _ *Hub, u *upgradeHead) { u.header.Del(auth.HeaderTime) },
	},
	{
		name: "x- header of a proxy and nothing else", status: 401,
		ask: func(_ *testing.T, _ *Hub, u *upgradeHead) {
			withoutSecret(u)
			u.header.Set("X-Forwarded-For", "192.0.2.1")
		},
	},
	{name: "no vsn", status: 403, ask: at("/device-socket/websocket")},
	{name: "vsn unsupported", status: 403, ask: at("/device-socket/websocket?vsn=2.1.0")},
	{name: "vsn unparsable", status: 403, ask: at("/device-socket/websocket?vsn=two")},
	{name: "vsn 2.0.9", status: 101, ask: at("/device-socket/websocket?vsn=2.0.9")},
	{name: "vsn 3.0.0", status: 101, ask: at("/device-socket/websocket?vsn=3.0.0")},
	{
		name:   "vsn 3.0.0, release 2.4.0",
		cfg:    func(c *Config) { c.Profile = ProfileOld },
		status: 403,
		ask:    at("/device-socket/websocket?vsn=3.0.0"),
	},
	{name: "origin not allowed", status: 403, ask: with("Origin", "https://elsewhere.test")},
	{name: "origin that is no URL", status: 403, ask: with("Origin", "null")},
	{name: "origin of the hub itself", status: 101, ask: with("Origin", "http://hub.test:4000")},
	{
		name:   "/socket on the web listener",
		cfg:    web,
		status: 403,
		ask:    at("/socket/websocket?vsn=2.0.0"),
	},
	{name: "/device-socket on the web listener", cfg: web, status: 101},
	{name: "/socket on the device listener", status: 101, ask: at("/socket/websocket?vsn=2.0.0")},
	{
		name:   "not GET",
		status: 400,
		ask:    func(_ *testing.T, _ *Hub, u *upgradeHead) { u.method = "POST" },
	},
	{
		name:   "no Connection",
		status: 400,
		ask:    with("Connection", ""),
		body:   `'connection' header must contain 'upgrade', got []`,
	},
	{
		name:   "wrong Connection",
		status: 400,
		ask:    with("Connection", "close"),
		body:   `'connection' header must contain 'upgrade', got ["close"]`,
	},
	{name: "Connection is a list", status: 101, ask: with("Connection", "keep-alive, Upgrade")},
	{
		name:   "wrong Upgrade",
		status: 400,
		ask:    with("Upgrade", "h2c"),
		body:   `'upgrade' header must contain 'websocket', got ["h2c"]`,
	},
	{
		name:   "no key",
		status: 400,
		ask:    with("Sec-WebSocket-Key", ""),
		body:   `'sec-websocket-key' header is absent`,
	},
	{
		name:   "wrong version",
		status: 400,
		ask:    with("Sec-WebSocket-Version", "8"),
		body:   `'sec-websocket-version' header must equal '13', got ["8"]`,
	},
	{
		name:   "HTTP/1.0",
		status: 400,
		ask:    func(_ *testing.T, _ *Hub, u *upgradeHead) { u.proto = "HTTP/1.0" },
		body:   "HTTP version HTTP/1.0 unsupported",
	},
	{name: "health", status: 200, ask: at("/healthy"), body: "Hello, Friend!"},
	{name: "request line of 10,000 bytes", status: 101, ask: at(target(10_000))},
	{name: "request line of 10,001 bytes", status: 414, ask: at(target(10_001))},
	{name: "header of 10,000 bytes", status: 101, ask: with("Pad", pad(10_000-len("Pad: \r\n")))},
	{name: "header of 10,001 bytes", status: 431, ask: with("Pad", pad(10_001-len("Pad: \r\n")))},
	{name: "50 headers", status: 101, ask: headers(50)},
	{name: "51 headers", status: 431, ask: headers(51)},
}

func web(c *Config) { c.Site.Web = true }

func pad(n int) string { return strings.Repeat("x", n) }

// target makes the request line so long.
func target(line int) string {
	const path = "/device-socket/websocket?vsn=2.0.0&pad="
	return path + pad(line-len("GET  HTTP/1.1\r\n")-len(path))
}

func at(target string) func(*testing.T, *Hub, *upgradeHead) {
	return func(_ *testing.T, _ *Hub, u *upgradeHead) { u.target = target }
}

func with(name, value string) func(*testing.T, *Hub, *upgradeHead) {
	return func(_ *testing.T, _ *Hub, u *upgradeHead) {
		u.header.Del(name)
		if value != "" {
			u.header.Set(name, value)
		}
	}
}

func headers(n int) func(*testing.T, *Hub, *upgradeHead) {
	return func(_ *testing.T, _ *Hub, u *upgradeHead) {
		for i := 0; len(u.header) < n; i++ {
			u.header.Set(fmt.Sprint("Pad-", i), "x")
		}
	}
}

// What the hub answers to a request on its device listener. All have a date; an error has a reason
// in header and body, or an empty body.
func TestAnswersToRequests(t *testing.T) {
	for _, row := range statusRows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var cfg Config
			if row.cfg != nil {
				row.cfg(&cfg)
			}
			h := Run(t, cfg)
			if row.hub != nil {
				row.hub(h)
			}
			u := newHead(t, h)
			if row.ask != nil {
				row.ask(t, h, u)
			}
			resp, body := u.ask(t, h)
			require.Equal(t, row.status, resp.StatusCode)
			at, err := http.ParseTime(resp.Header.Get("Date"))
			require.NoError(t, err)
			require.WithinDuration(t, time.Now(), at, 5*time.Second)
			require.Equal(t, row.reason, resp.Header.Get(reasonHeader))
			require.Equal(t, row.reason+row.body, body)
			require.Empty(t, resp.Header.Get("Content-Type"))
		})
	}
}

func TestOtherPaths(t *testing.T) {
	for name, row := range map[string]struct {
		site     Site
		method   string
		status   int
		location string
	}{
		"other path":          {Site{}, "GET", 301, "https://docs.nerves-hub.org/"},
		"other path, not GET": {Site{}, "POST", 301, "https://docs.nerves-hub.org/"},
		"other path of an operator's hub": {
			Site{RedirectTo: "https://example.org/"},
			"GET", 301,
			"https://example.org/",
		},
		"other path on the web listener": {Site{Web: true}, "GET", 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := Run(t, Config{Site: row.site})
			u := newHead(t, h)
			u.target, u.method = "/device-sock/websocket?vsn=2.0.0", row.method
			resp, body := u.ask(t, h)
			require.Equal(t, row.status, resp.StatusCode)
			require.Equal(t, row.location, resp.Header.Get("Location"))
			require.NotEmpty(t, resp.Header.Get("Date"))
			require.Empty(t, body)
		})
	}
}

// More connections in a second than the hub takes are cut before TLS: the device sees the end of
// the connection.
func TestTooManyHandshakes(t *testing.T) {
	for name, mode := range map[string]Mode{"plain": Plain, "tls": TLS} {
		t.Run(name, func(t *testing.T) {
			h := Run(t, Config{Mode: mode, Limits: Limits{HandshakeRate: 3}})
			cut := 0
			for range 12 { // all within a second or two, so at most 6 come in
				nc := rawConn(t, h)
				if c, ok := nc.(*tls.Conn); ok {
					if c.HandshakeContext(t.Context()) != nil {
						cut++
					}
				} else if _, err := nc.Write([]byte("GET /_health HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
					cut++
				} else if n, _ := nc.Read(make([]byte, 1)); n == 0 {
					cut++
				}
			}
			require.GreaterOrEqual(t, cut, 3)
			require.GreaterOrEqual(t, h.Stats().Refused, cut)
			h.Door().SetHandshakeRate(0)
			require.Zero(t, h.Door().State().HandshakeRate)
			resp, _ := newHead(t, h).ask(t, h)
			require.Equal(t, 101, resp.StatusCode)
		})
	}
}

// TLS 1.2 and nothing newer, unless the operator says so.
func TestVersionsOfTLS(t *testing.T) {
	ca := authority(t, transporttest.NewAuthority(t))
	for _, newer := range []bool{false, true} {
		h := Run(
			t,
			Config{
				Mode:         TLS,
				Certificates: Certificates{Authorities: []*x509.Certificate{ca}, TLS13: newer},
			},
		)
		nc, ok := rawConn(t, h).(*tls.Conn)
		require.True(t, ok)
		require.NoError(t, nc.HandshakeContext(context.Background()))
		require.Equal(t, newer, nc.ConnectionState().Version == tls.VersionTLS13)
		require.GreaterOrEqual(t, nc.ConnectionState().Version, uint16(tls.VersionTLS12))
	}
}

// A certificate that only itself has signed passes the handshake and is refused like an
// unknown one.
func TestCertificateOfItsOwnAuthority(t *testing.T) {
	ours := authority(t, transporttest.NewAuthority(t))
	h := Run(
		t,
		Config{
			Mode:         TLS,
			Keys:         []Key{defaultKey},
			Certificates: Certificates{Authorities: []*x509.Certificate{ours}},
		},
	)
	cert, _, err := newServerCertificate(time.Now(), "")
	require.NoError(t, err)
	private, ok := cert.PrivateKey.(*ecdsa.PrivateKey)
	require.True(t, ok)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(
			3,
		), Subject: pkix.Name{CommonName: "dev-1"}, NotAfter: time.Now().Add(time.Hour),
		SubjectKeyId: []byte{
			1,
			2,
			3,
		}, AuthorityKeyId: []byte{1, 2, 3}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	mine := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	require.True(t, ownAuthority(leaf))
	dialer, ok := h.Dialer().(*transport.WebSocket)
	require.True(t, ok)
	dialer.Certificate = func() (*tls.Certificate, error) { return mine, nil }
	req := request(t, h, h.Secret("dev-1"))
	req.URL.Path = "/socket/websocket"
	_, err = dialer.Dial(t.Context(), req)
	var refused *transport.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 401, refused.Status)
	require.Empty(t, refused.Reason())
}

// What the hub agrees to of the compression that a device offers: with context takeover, and with
// what the device asks for.
func TestOffersOfCompression(t *testing.T) {
	h := Run(t, Config{})
	const deflate = "permessage-deflate"
	for offer, answer := range map[string]string{
		"":                                       "",
		deflate:                                  deflate,
		deflate + "; server_no_context_takeover": deflate + ";server_no_context_takeover",
		deflate + "; client_no_context_takeover": deflate + ";client_no_context_takeover",
		deflate + "; server_no_context_takeover; client_no_context_takeover": deflate +
			";server_no_context_takeover;client_no_context_takeover",
		deflate + "; client_max_window_bits":        deflate + ";client_max_window_bits=15",
		deflate + "; client_max_window_bits=10":     deflate + ";client_max_window_bits=10",
		deflate + "; unknown_parameter":             "",
		deflate + "; unknown_parameter, " + deflate: deflate,
		"x-webkit-deflate-frame":                    "",
	} {
		u := newHead(t, h)
		if offer != "" {
			u.header.Set("Sec-WebSocket-Extensions", offer)
		}
		resp, _ := u.ask(t, h)
		require.Equal(t, 101, resp.StatusCode)
		require.Equal(t, answer, resp.Header.Get("Sec-WebSocket-Extensions"), offer)
	}
}
