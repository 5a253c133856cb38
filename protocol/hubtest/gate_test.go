package hubtest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/auth"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/protocol/transport/transporttest"
)

// refusal dials and gives the status that the hub refuses with, 101 for none.
func refusalOf(
	t *testing.T,
	h *Hub,
	change func(*transport.Request),
) (int, *transport.RefusedError) {
	t.Helper()
	secret := h.Secret("dev-1")
	if secret.Key == "" {
		secret = auth.SharedSecret{Key: "nhp_unknown", Secret: "unknown", Identifier: "dev-1"}
	}
	req := request(t, h, secret)
	change(&req)
	conn, err := h.Dialer().Dial(t.Context(), req)
	if err == nil {
		require.NoError(t, conn.Close(1000, ""))
		return http.StatusSwitchingProtocols, nil
	}
	var refused *transport.RefusedError
	require.ErrorAs(t, err, &refused)
	require.NotEmpty(t, refused.Header.Get("Date"))
	return refused.Status, refused
}

func nothing(*transport.Request) {}

func signed(t *testing.T, s auth.SharedSecret, at time.Time) func(*transport.Request) {
	headers, err := s.Sign(at)
	require.NoError(t, err)
	return func(r *transport.Request) {
		r.Header = http.Header{}
		for _, h := range headers {
			r.Header.Set(h.Name, h.Value)
		}
	}
}

func TestAdmission(t *testing.T) {
	everyMode(t, func(t *testing.T, mode Mode) {
		h := Run(t, Config{Mode: mode, Keys: []Key{
			defaultKey,
			{Key: "nhp_other", Secret: "s2", Product: "other"},
			{Key: "nhd_own", Secret: "s3", Identifier: "dev-1"},
		}})
		other := auth.SharedSecret{Key: "nhp_other", Secret: "s2", Identifier: "dev-1"}
		own := auth.SharedSecret{Key: "nhd_own", Secret: "s3", Identifier: "dev-1"}
		wrong := h.Secret("dev-1")
		wrong.Secret += "x"
		foreign := own
		foreign.Identifier = "dev-2"
		for _, tc := range []struct {
			name   string
			change func(*transport.Request)
			status int
			reason string
		}{
			{"a product's key", nothing, 101, ""},
			{"the device's key", signed(t, own, time.Now()), 101, ""},
			{"another device's key", signed(t, foreign, time.Now()), 401, ""},
			{"another product's key", signed(t, other, time.Now()), 401, ""},
			{"wrong secret", signed(t, wrong, time.Now()), 401, ""},
			{"old signature", signed(t, h.Secret("dev-1"), time.Now().Add(-2*time.Minute)), 401, ""},
			{"future signature", signed(t, h.Secret("dev-1"), time.Now().Add(2*time.Minute)), 401, ""},
			{"nothing", func(r *transport.Request) { r.Header = nil }, 401, reasonNoIdentity},
			{
				"a proxy's header",
				func(r *transport.Request) { r.Header = http.Header{"X-Forwarded-For": {"1.2.3.4"}} }, 401, "",
			},
			{"no time", func(r *transport.Request) { r.Header.Del(auth.HeaderTime) }, 503, reasonNoPlatform},
			{"other path", func(r *transport.Request) { r.URL.Path = "/nope" }, 301, ""},
			{"the other path", func(r *transport.Request) { r.URL.Path = "/socket/websocket" }, 101, ""},
			{"no vsn", func(r *transport.Request) { r.URL.RawQuery = "" }, 403, ""},
			{"messagepack", func(r *transport.Request) { r.URL.RawQuery = "vsn=3.0.0" }, 101, ""},
			{"messagepack to come", func(r *transport.Request) { r.URL.RawQuery = "vsn=3.1.0" }, 403, ""},
			{"health", func(r *transport.Request) { r.URL.Path = "/_health" }, 200, ""},
		} {
			t.Run(tc.name, func(t *testing.T) {
				status, refused := refusalOf(t, h, tc.change)
				require.Equal(t, tc.status, status)
				if refused != nil {
					require.Equal(t, tc.reason, refused.Reason())
				}
			})
		}
	})
}

func TestOldHubAcceptsTheFuture(t *testing.T) {
	h := Run(t, Config{Mode: Memory, Profile: ProfileOld})
	status, _ := refusalOf(t, h, signed(t, h.Secret("dev-1"), time.Now().Add(2*time.Minute)))
	require.Equal(t, 101, status)
}

func TestOldHubSpeaksOnlyJSON(t *testing.T) {
	h := Run(t, Config{Mode: Memory, Profile: ProfileOld})
	status, _ := refusalOf(t, h, func(r *transport.Request) { r.URL.RawQuery = "vsn=3.0.0" })
	require.Equal(t, 403, status)
}

func TestOperatorRefusals(t *testing.T) {
	everyMode(t, func(t *testing.T, mode Mode) {
		h := Run(t, Config{Mode: mode})
		h.Door().Refuse(Refusal{Status: 503, Reason: "later", RetryAfter: 7 * time.Second})
		h.Door().Refuse(Refusal{Status: 302, Location: "https://example.org/", Times: 2})
		status, refused := refusalOf(t, h, nothing)
		require.Equal(t, 503, status)
		require.Equal(t, "later", refused.Reason())
		require.Equal(t, 7*time.Second, refused.RetryAfter())
		for range 2 {
			_, refused = refusalOf(t, h, nothing)
			require.Equal(t, "https://example.org/", refused.Header.Get("Location"))
		}
		status, _ = refusalOf(t, h, nothing)
		require.Equal(t, 101, status)
		h.Door().PlatformDown(true)
		status, _ = refusalOf(t, h, nothing)
		require.Equal(t, 503, status)
		h.Door().PlatformDown(false)
		h.Door().AcceptSecrets(false)
		status, _ = refusalOf(t, h, nothing)
		require.Equal(t, 401, status)
		h.Door().AcceptSecrets(true)
		h.Device("dev-1").Delete(true)
		status, _ = refusalOf(t, h, nothing)
		require.Equal(t, 401, status)
		h.Device("dev-1").Delete(false)
		status, _ = refusalOf(t, h, nothing)
		require.Equal(t, 101, status)
		require.Equal(t, 6, h.Stats().Refused)
	})
}

func TestKnownOnly(t *testing.T) {
	h := Run(t, Config{Mode: Memory, KnownOnly: true})
	status, _ := refusalOf(t, h, nothing)
	require.Equal(t, 401, status)
	h.Device("dev-1")
	status, _ = refusalOf(t, h, nothing)
	require.Equal(t, 101, status)
}

// What is not let through the door sees the connection end before TLS.
func TestCutConnections(t *testing.T) {
	h := Run(t, Config{Mode: TLS})
	h.Door().CutConnections(1)
	_, err := h.Dialer().Dial(t.Context(), request(t, h, h.Secret("dev-1")))
	var phase *transport.PhaseError
	require.ErrorAs(t, err, &phase)
	require.Equal(t, transport.ClassCut, phase.Class())
	status, _ := refusalOf(t, h, nothing)
	require.Equal(t, 101, status)
}

// The rate limit lets so many connections a second through.
func TestHandshakeRate(t *testing.T) {
	l := &doorListener{door: &Door{rate: 3}}
	for second := range 3 {
		for i := range 10 {
			now := epoch.Add(time.Duration(second)*time.Second + time.Duration(i)*50*time.Millisecond)
			require.Equal(t, i >= 3, l.tooMany(now), "connection %d of second %d", i, second)
		}
	}
	unlimited := &doorListener{door: &Door{}}
	for range 1000 {
		require.False(t, unlimited.tooMany(epoch))
	}
}

func TestClientCertificates(t *testing.T) {
	ours, theirs := transporttest.NewAuthority(t), transporttest.NewAuthority(t)
	device, stranger := ours.Client(t, "dev-1"), theirs.Client(t, "dev-1")
	issuer := ours.Issue(
		t,
		&x509.Certificate{SerialNumber: device.Leaf.SerialNumber, NotAfter: time.Now().Add(-time.Hour)},
	) // expired
	nameless := ours.Client(t, "")
	ca := authority(t, ours)
	for name, mode := range map[string]Mode{"tls": TLS, "memory": Memory} {
		t.Run(name, func(t *testing.T) {
			h := Run(t, Config{Mode: mode, Certificates: Certificates{
				Authorities: []*x509.Certificate{
					ca,
				}, Pinned: map[string]string{Fingerprint(issuer.Leaf): "dev-9"},
			}})
			for _, tc := range []struct {
				name     string
				cert     *tls.Certificate
				identity string
			}{
				{"signed by the authority", &device, "dev-1"},
				{"pinned, although expired", &issuer, "dev-9"},
				{"signed by another authority", &stranger, ""},
				{"without a name", &nameless, ""},
			} {
				t.Run(tc.name, func(t *testing.T) { dialWith(t, h, tc.cert, tc.identity) })
			}
			status, refused := refusalOf(t, h, func(r *transport.Request) { r.Header = nil })
			require.Equal(t, 401, status, "no certificate: the handshake is completed")
			require.Equal(t, reasonNoIdentity, refused.Reason())
		})
	}
}

// dialWith expects the device to be known by identity, or to be refused when that is empty.
func dialWith(t *testing.T, h *Hub, cert *tls.Certificate, identity string) {
	t.Helper()
	get := func() (*tls.Certificate, error) { return cert, nil }
	dialer := h.Dialer()
	switch d := dialer.(type) {
	case *transport.WebSocket:
		d.Certificate = get
	case *transport.PipeDialer:
		d.Certificate = get
	}
	req := request(t, h, auth.SharedSecret{Key: "nhp_unused", Secret: "unused", Identifier: "unused"})
	req.Header, req.URL.Path, req.URL.Scheme = nil, "/socket/websocket", "wss"
	conn, err := dialer.Dial(t.Context(), req)
	if identity == "" {
		var phase *transport.PhaseError
		if errors.As(err, &phase) {
			require.Equal(t, transport.ClassRejected, phase.Class(), "%v", err)
			return
		}
		var refused *transport.RefusedError // in memory there is no handshake to fail
		require.ErrorAs(t, err, &refused)
		require.Equal(t, http.StatusUnauthorized, refused.Status)
		return
	}
	require.NoError(t, err)
	c := &client{t, conn}
	c.join("1", "1.0.0", "u1", "null", true)
	require.True(t, h.Device(identity).Online())
	require.NoError(t, conn.Close(1000, ""))
}

// authority digs the certificate of a test authority out of what it has signed.
func authority(t *testing.T, a *transporttest.Authority) *x509.Certificate {
	t.Helper()
	chains, err := a.Client(
		t,
		"x",
	).Leaf.Verify(
		x509.VerifyOptions{Roots: a.Pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}},
	)
	require.NoError(t, err)
	chain := chains[0]
	return chain[len(chain)-1]
}

func TestPlainRequest(t *testing.T) {
	h := Run(t, Config{})
	req, err := http.NewRequestWithContext(
		t.Context(),
		http.MethodGet,
		"http"+strings.TrimPrefix(h.URL(), "ws")+"/device-socket/websocket?vsn=2.0.0",
		nil,
	)
	require.NoError(t, err)
	req.Header = request(t, h, h.Secret("dev-1")).Header
	resp, err := h.RoundTripper().RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	require.NotEmpty(t, resp.Header.Get("Date"))
	require.Zero(t, h.Stats().Upgrades)
}
