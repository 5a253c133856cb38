package transport_test

import (
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/transport"
)

func dialURL(t *testing.T, d *transport.WebSocket, raw string) error {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	c, err := d.Dial(t.Context(), transport.Request{URL: u, Header: http.Header{"X-Nh-Key": {"key"}}})
	if err != nil {
		return err
	}
	_, hi, err := c.ReadMessage(nil)
	require.NoError(t, err)
	require.Equal(t, "hi", string(hi))
	return c.Abort()
}

func TestRedirects(t *testing.T) {
	a, as, a8080, b, bs := "a.example:80", "a.example:443", "a.example:8080", "b.example:80",
		"b.example:443"
	tests := map[string]struct {
		start string
		leads map[string]string // from host:port and path to a Location
		seen  []string          // who was asked for what and got which credentials
		err   string            // in the error, which wraps ErrRedirect
	}{
		"to another path": {
			"ws://a.example/1",
			map[string]string{a + "/1": "/2"},
			[]string{a + "/1 key", a + "/2 key"},
			"",
		},
		"relative": {
			"ws://a.example/dir/1?x=0",
			map[string]string{a + "/dir/1?x=0": "2?x=1#part"},
			[]string{a + "/dir/1?x=0 key", a + "/dir/2?x=1 key"},
			"",
		},
		"twice": {
			"ws://a.example/1",
			map[string]string{a + "/1": "/2", a + "/2": "/3"},
			[]string{a + "/1 key", a + "/2 key", a + "/3 key"},
			"",
		},
		"http means ws": {
			"ws://a.example/1",
			map[string]string{a + "/1": "http://a.example/2"},
			[]string{a + "/1 key", a + "/2 key"},
			"",
		},
		"https means wss": {
			"ws://a.example/1",
			map[string]string{a + "/1": "https://a.example/2"},
			[]string{a + "/1 key", as + "/2 key"},
			"",
		},
		"to TLS": {
			"ws://a.example/1",
			map[string]string{a + "/1": "wss://a.example/2"},
			[]string{a + "/1 key", as + "/2 key"},
			"",
		},
		"another host": {
			"ws://a.example/1",
			map[string]string{a + "/1": "ws://b.example/2"},
			[]string{a + "/1 key", b + "/2 -"},
			"",
		},
		"another host, same scheme": {
			"wss://a.example/1",
			map[string]string{as + "/1": "//b.example/2"},
			[]string{as + "/1 key", bs + "/2 -"},
			"",
		},
		"another host over TLS": {
			"ws://a.example/1",
			map[string]string{a + "/1": "https://b.example/2"},
			[]string{a + "/1 key", bs + "/2 -"},
			"",
		},
		"another port": {
			"ws://a.example/1",
			map[string]string{a + "/1": "ws://a.example:8080/2"},
			[]string{a + "/1 key", a8080 + "/2 -"},
			"",
		},
		"away and back": {
			"ws://a.example/1",
			map[string]string{a + "/1": "ws://b.example/2", b + "/2": "ws://a.example/3"},
			[]string{a + "/1 key", b + "/2 -", a + "/3 -"},
			"",
		},
		"three times": {
			"ws://a.example/1",
			map[string]string{a + "/1": "/2", a + "/2": "/3", a + "/3": "/4"},
			[]string{a + "/1 key", a + "/2 key", a + "/3 key"},
			"too many",
		},
		"to itself": {
			"ws://a.example/1",
			map[string]string{a + "/1": "/1"},
			[]string{a + "/1 key"},
			"back to where it came from",
		},
		"a loop": {
			"ws://a.example/1",
			map[string]string{a + "/1": "/2", a + "/2": "/1"},
			[]string{a + "/1 key", a + "/2 key"},
			"back to where it came from",
		},
		"down to plain": {
			"wss://a.example/1",
			map[string]string{as + "/1": "ws://a.example/2?token=s3cret"},
			[]string{as + "/1 key"},
			"leads to a.example:80 without TLS",
		},
		"down to plain, up before": {
			"ws://a.example/1",
			map[string]string{a + "/1": "wss://a.example/2", as + "/2": "http://b.example/?s3cret"},
			[]string{a + "/1 key", as + "/2 key"},
			"leads to b.example:80 without TLS",
		},
		"no Location": {
			"ws://a.example/1",
			map[string]string{a + "/1": ""},
			[]string{a + "/1 key"},
			"no Location",
		},
		"a Location that is no URL": {
			"ws://a.example/1",
			map[string]string{a + "/1": "http://[s3cret"},
			[]string{a + "/1 key"},
			"no URL",
		},
		"a Location of another kind": {
			"ws://a.example/1",
			map[string]string{a + "/1": "ftp://a.example/s3cret"},
			[]string{a + "/1 key"},
			`scheme "ftp"`,
		},
		"a Location with a user": {
			"ws://a.example/1",
			map[string]string{a + "/1": "ws://u:s3cret@a.example/"},
			[]string{a + "/1 key"},
			"user information",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				answers := map[string]map[string]string{a: {}, as: {}, a8080: {}, b: {}, bs: {}}
				for from, to := range test.leads {
					u, _ := url.Parse("x://" + from)
					answers[u.Host][u.RequestURI()] = moved("302", to)
				}
				for addr, byPath := range answers {
					switch addr {
					case as:
						w.hub(addr, byPath, "a.example")
					case bs:
						w.hub(addr, byPath, "b.example")
					default:
						w.hub(addr, byPath)
					}
				}
				err := dialURL(t, w.dialer(), test.start)
				require.Equal(t, test.seen, w.all())
				if test.err == "" {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, transport.ErrRedirect)
				require.ErrorContains(t, err, test.err)
				require.NotContains(t, err.Error(), "s3cret")
				var refused *transport.RefusedError
				require.ErrorAs(t, err, &refused)
				require.Equal(t, 302, refused.Status)
			})
		})
	}
}

func TestRedirectStatuses(t *testing.T) {
	for status, followed := range map[string]bool{
		"300": false, "301": true, "302": true, "303": true,
		"304": false, "307": true, "308": true, "401": false,
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.hub("a.example:80", map[string]string{"/1": moved(status, "/2")})
			err := dialURL(t, w.dialer(), "ws://a.example/1")
			require.Equal(t, followed, err == nil, status)
			require.NotErrorIs(t, err, transport.ErrRedirect)
		})
	}
}

// What a redirect was good for once it need not be the next time: hubs that drain redirect.
func TestRedirectIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		answers := map[string]string{"/1": moved("301", "ws://b.example/2")}
		w.hub("a.example:80", answers)
		w.hub("b.example:80", nil)
		d := w.dialer()
		require.NoError(t, dialURL(t, d, "ws://a.example/1"))
		synctest.Wait()
		delete(answers, "/1")
		require.NoError(t, dialURL(t, d, "ws://a.example/1"))
		require.Equal(
			t,
			[]string{"a.example:80/1 key", "b.example:80/2 -", "a.example:80/1 key"},
			w.all(),
		)
	})
}

// A failure behind a redirect says who has sent the device there.
func TestFailureBehindARedirect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hub("a.example:80", map[string]string{"/1": moved("301", "ws://b.example/?token=s3cret")})
		err := dialURL(t, w.dialer(), "ws://a.example/1")
		var phase *transport.PhaseError
		require.ErrorAs(t, err, &phase)
		require.Equal(t, transport.ClassRefused, phase.Class())
		require.ErrorContains(t, err, "redirected from a.example:80: connect b.example:80")
		require.NotContains(t, err.Error(), "s3cret")

		w.hub(
			"b.example:80",
			map[string]string{"/?token=s3cret": "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"},
		)
		err = dialURL(t, w.dialer(), "ws://a.example/1")
		var refused *transport.RefusedError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "b.example:80", refused.Target)
		require.NotErrorIs(t, err, transport.ErrRedirect)
	})
}

func TestRedirectsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hub("a.example:80", map[string]string{"/1": moved("301", "/2")})
		d := w.dialer()
		d.Redirects = -1
		var refused *transport.RefusedError
		require.ErrorAs(t, dialURL(t, d, "ws://a.example/1"), &refused)
		require.Equal(t, "/2", refused.Header.Get("Location"))
		require.NoError(t, refused.Err)
	})
}

// A configured server name belongs to the configured host.
func TestRedirectVerifiesTheOtherHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hub(
			"a.example:443",
			map[string]string{"/same": moved("301", "/2"), "/other": moved("301", "wss://b.example/")},
			"hub.internal",
		)
		w.hub("b.example:443", nil, "b.example")
		d := w.dialer()
		d.TLS.ServerName = "hub.internal"
		require.NoError(t, dialURL(t, d, "wss://a.example/same"))
		require.NoError(t, dialURL(t, d, "wss://a.example/other"))
		w.hub("b.example:443", nil, "hub.internal")
		var phase *transport.PhaseError
		require.ErrorAs(t, dialURL(t, d, "wss://a.example/other"), &phase)
		require.Equal(t, transport.ClassHostname, phase.Class())
	})
}
