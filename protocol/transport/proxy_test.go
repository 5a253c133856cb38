package transport_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
)

// via is the choice of one proxy for all.
func via(raw string) func(*url.URL) (*url.URL, error) {
	u, err := url.Parse(raw)
	return func(*url.URL) (*url.URL, error) { return u, err }
}

func TestProxies(t *testing.T) {
	const auth = "Basic dXNlcjpwQHNz" // user:p@ss
	tests := map[string]struct {
		proxy string
		setup func(w *world)
		hub   string
		seen  []string
	}{
		"HTTP, a plain hub": {
			"http://proxy.example:3128", func(w *world) { w.httpProxy("proxy.example:3128", "", "") },
			"ws://plain.example/",
			[]string{"CONNECT plain.example:80 ", "plain.example:80/ key"},
		},
		"HTTP, a hub with TLS": {
			"http://proxy.example:3128", func(w *world) { w.httpProxy("proxy.example:3128", "", "") },
			"wss://hub.example/",
			[]string{"CONNECT hub.example:443 ", "hub.example:443/ key"},
		},
		"HTTP with credentials, standard port": {
			"HTTP://user:p%40ss@proxy.example", func(w *world) {
				w.httpProxy("proxy.example:80", "user:p@ss",
					"")
			}, "wss://hub.example/",
			[]string{"CONNECT hub.example:443 " + auth, "hub.example:443/ key"},
		},
		"HTTPS": {
			"https://proxy.example", func(w *world) {
				w.httpProxy("proxy.example:443", "", "")
				cert, plain := w.ca.Server(w.t, "proxy.example"), w.hosts["proxy.example:443"]
				w.hosts["proxy.example:443"] = func(nc net.Conn) {
					plain(
						tls.Server(
							nc,
							&tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
						),
					)
				}
			}, "wss://hub.example/",
			[]string{"CONNECT hub.example:443 ", "hub.example:443/ key"},
		},
		"SOCKS5": {
			"socks5://proxy.example", func(w *world) { w.socksProxy("proxy.example:1080", "", "") },
			"ws://plain.example/",
			[]string{"SOCKS5 plain.example:80", "plain.example:80/ key"},
		},
		"SOCKS5 with credentials": {
			"socks5h://user:p%40ss@proxy.example:9050",
			func(w *world) { w.socksProxy("proxy.example:9050", "user", "p@ss") }, "wss://hub.example/",
			[]string{"SOCKS5 user p@ss", "SOCKS5 hub.example:443", "hub.example:443/ key"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.hub("plain.example:80", nil)
				w.hub("hub.example:443", nil, "hub.example")
				test.setup(w)
				d := w.dialer()
				d.Proxy = via(test.proxy)
				require.NoError(t, dialURL(t, d, test.hub))
				require.Equal(t, test.seen, w.all())
			})
		})
	}
}

func TestProxyFailures(t *testing.T) {
	httpAnswer := func(answer string) func(w *world) {
		return func(w *world) { w.httpProxy("proxy.example:3128", "", answer) }
	}
	socks := func(script ...string) func(w *world) {
		return func(w *world) { w.socksProxy("proxy.example:1080", "", "", script...) }
	}
	const h, s = "http://user:s3cret@proxy.example:3128", "socks5://user:s3cret@proxy.example:1080"
	none := func(*world) {}
	tests := map[string]struct {
		proxy string
		setup func(w *world)
		class transport.Class
		text  string
		took  time.Duration
	}{
		"not there": {h, none, transport.ClassProxy, "connection refused", 0},
		"wrong credentials": {
			h,
			func(w *world) { w.httpProxy("proxy.example:3128", "user:other", "") },
			transport.ClassProxyAuth,
			"status 407",
			0,
		},
		"no credentials": {
			"http://proxy.example:3128",
			func(w *world) { w.httpProxy("proxy.example:3128", "user:other", "") },
			transport.ClassProxyAuth,
			"status 407",
			0,
		},
		"forbidden": {
			h,
			httpAnswer("HTTP/1.1 403 No\r\n\r\n"),
			transport.ClassProxy,
			"status 403",
			0,
		},
		"the hub is not there": {
			h,
			httpAnswer("HTTP/1.1 502 Bad Gateway\r\n\r\n"),
			transport.ClassProxy,
			"status 502",
			0,
		},
		"a redirect": {
			h,
			httpAnswer("HTTP/1.1 302 x\r\nLocation: http://portal.example/\r\n\r\n"),
			transport.ClassProxy,
			"status 302",
			0,
		},
		"not HTTP": {
			h,
			httpAnswer("SSH-2.0-OpenSSH\r\n\r\n"),
			transport.ClassProxy,
			"not HTTP",
			0,
		},
		"nothing": {h, httpAnswer("\r"), transport.ClassProxy, "not HTTP", 0},
		"more than its answer": {
			h,
			httpAnswer("HTTP/1.1 200 OK\r\n\r\nhello"),
			transport.ClassProxy,
			"more than its answer",
			0,
		},
		"an endless answer": {
			h,
			httpAnswer("hangHTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 70_000)),
			transport.ClassProxy,
			"EOF",
			0,
		},
		"silence": {
			h,
			httpAnswer("hang"),
			transport.ClassProxy,
			"timeout",
			10 * time.Second,
		},
		"silence in its answer": {
			h,
			httpAnswer("hangHTTP/1.1 200 OK\r\nX: "),
			transport.ClassProxy,
			"timeout",
			10 * time.Second,
		},
		"no TLS": {
			"https://proxy.example:3128",
			httpAnswer("HTTP/1.1 400 x\r\n\r\n"),
			transport.ClassProxy,
			"EOF",
			0,
		},
		"SOCKS not there": {s, none, transport.ClassProxy, "connection refused", 0},
		"SOCKS wrong credentials": {
			s,
			func(w *world) { w.socksProxy("proxy.example:1080", "user", "other") },
			transport.ClassProxyAuth,
			"authentication failed",
			0,
		},
		"SOCKS no credentials": {
			"socks5://proxy.example",
			func(w *world) { w.socksProxy("proxy.example:1080", "user", "other") },
			transport.ClassProxyAuth,
			"authentication",
			0,
		},
		"SOCKS version 4": {
			"socks5://proxy.example",
			socks("\x04\x00"),
			transport.ClassProxy,
			"version",
			0,
		},
		"SOCKS ruleset": {
			"socks5://proxy.example",
			socks("\x05\x00", "\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00"),
			transport.ClassProxy,
			"not allowed",
			0,
		},
		"SOCKS hub not reachable": {
			"socks5://proxy.example",
			socks("\x05\x00", "\x05\x04\x00\x01\x00\x00\x00\x00\x00\x00"),
			transport.ClassProxy,
			"host unreachable",
			0,
		},
		"SOCKS silence": {
			"socks5://proxy.example",
			socks("\x05\x00", ""),
			transport.ClassProxy,
			"",
			10 * time.Second,
		},
		"another kind": {
			"quic://user:s3cret@proxy.example",
			none,
			transport.ClassBadRequest,
			`scheme "quic"`,
			0,
		},
		"no host":               {"http://:3128", none, transport.ClassBadRequest, "no host", 0},
		"no choice can be made": {"http://[", none, transport.ClassBadRequest, "choose a proxy", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.hub("hub.example:443", nil, "hub.example")
				test.setup(w)
				d := w.dialer()
				d.Proxy = via(test.proxy)
				start := time.Now()
				err := dialURL(t, d, "wss://hub.example/?token=s3cret")
				var phase *transport.PhaseError
				require.ErrorAs(t, err, &phase)
				require.Equal(t, test.class, phase.Class(), "%v", err)
				require.Equal(t, "hub.example:443", phase.Target)
				require.ErrorContains(t, err, test.text)
				require.NotContains(t, err.Error(), "s3cret")
				require.Equal(t, test.took, time.Since(start))
				if test.class != transport.ClassBadRequest {
					var said *transport.ProxyError
					require.ErrorAs(t, err, &said)
					require.Contains(t, said.Proxy, "proxy.example:")
				}
				require.NotContains(
					t,
					strings.Join(w.all(), "\n"),
					"hub.example:443/",
					"the hub was asked all the same",
				)
			})
		})
	}
}

func TestProxyIsLeftAtOnce(t *testing.T) {
	for _, proxy := range []string{"http://proxy.example:1080", "socks5://proxy.example:1080"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.hosts["proxy.example:1080"] = func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) }
			d := w.dialer()
			d.Proxy = via(proxy)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			start := time.Now()
			_, err := d.Dial(ctx, transport.Request{URL: &url.URL{Scheme: "ws", Host: "hub.example"}})
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, time.Second, time.Since(start))
			var phase *transport.PhaseError
			require.ErrorAs(t, err, &phase)
			require.Equal(t, transport.ClassCancelled, phase.Class())
		})
	}
}

// Every target is asked about, also one behind a redirect; nil is the direct way.
func TestProxyIsChosenByTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hub("inside.example:80", map[string]string{"/": moved("307", "wss://outside.example/")})
		w.hub("outside.example:443", nil, "outside.example")
		w.httpProxy("proxy.example:3128", "", "")
		var asked []string
		d := w.dialer()
		d.Proxy = func(target *url.URL) (*url.URL, error) {
			asked = append(asked, target.String())
			if target.Host == "inside.example" {
				return nil, nil
			}
			return url.Parse("http://proxy.example:3128")
		}
		require.NoError(t, dialURL(t, d, "ws://inside.example/"))
		require.Equal(t, []string{"http://inside.example/", "https://outside.example/"}, asked)
		require.Equal(
			t,
			[]string{"inside.example:80/ key", "CONNECT outside.example:443 ", "outside.example:443/ -"},
			w.all(),
		)
	})
}

// Over sockets, with the hub's usual ways: TLS, a client certificate, compression.
func TestProxyOverSockets(t *testing.T) {
	d, u := socketHub(t, mutualTLS, echoes)
	proxy := accepting(t, func(nc net.Conn) {
		head := make([]byte, 0, 1024)
		for !strings.HasSuffix(string(head), "\r\n\r\n") {
			b := make([]byte, 1)
			if _, err := nc.Read(b); err != nil {
				return
			}
			head = append(head, b...)
		}
		hub, err := net.Dial("tcp", strings.Fields(string(head))[1])
		if err != nil {
			return
		}
		_, _ = io.WriteString(nc, "HTTP/1.1 200 OK\r\n\r\n")
		back := make(chan struct{})
		go func() {
			_, _ = io.Copy(nc, hub)
			_ = nc.Close()
			close(back)
		}()
		_, _ = io.Copy(hub, nc)
		_ = hub.Close()
		<-back
	})
	d.Proxy, d.Compress = via("http://"+proxy.Host), transport.Together
	c, err := d.Dial(t.Context(), transport.Request{URL: u})
	require.NoError(t, err)
	msg := []byte(strings.Repeat(string(heartbeat), 3))
	require.NoError(t, c.WriteMessage(transport.Text, msg))
	_, got, err := c.ReadMessage(nil)
	require.NoError(t, err)
	require.Equal(t, msg, got)
	require.True(t, c.Info().TLS.Verified)
	require.NotNil(t, c.Info().Deflate)
	require.NoError(t, c.Close(protocol.CloseNormal, ""))
}

func TestCheckProxy(t *testing.T) {
	for raw, problem := range map[string]string{
		"http://proxy": "", "https://u:p@proxy:1": "", "socks5://[::1]:1080": "", "SOCKS5H://proxy": "",
		"socks4://proxy": "scheme", "proxy:3128": "scheme", "//proxy": "scheme", "http://": "no host",
	} {
		u, err := url.Parse(raw)
		require.NoError(t, err)
		err = transport.CheckProxy(u)
		if problem == "" {
			require.NoError(t, err, raw)
		} else {
			require.ErrorContains(t, err, problem)
		}
	}
}
