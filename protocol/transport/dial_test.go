package transport_test

import (
	"bufio"
	"context"
	"crypto/sha1" //nolint:gosec // RFC 6455
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/protocol/transport/internal/duplex"
	"github.com/hublink-go/hublink/protocol/transport/transporttest"
)

// accepting is a listener that does serve with every connection.
func accepting(t *testing.T, serve func(nc net.Conn)) *url.URL {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			serve(nc)
			_ = nc.Close()
		}
	}()
	return &url.URL{Scheme: "wss", Host: l.Addr().String()}
}

func TestDialFailures(t *testing.T) {
	ca := transporttest.NewAuthority(t)
	short := transport.Timeouts{
		Resolve: 50 * time.Millisecond,
		Connect: 50 * time.Millisecond,
		TLS:     100 * time.Millisecond,
	}
	trusting := func() *transport.WebSocket {
		return &transport.WebSocket{
			TLS:      &tls.Config{RootCAs: ca.Pool, MinVersion: tls.VersionTLS12},
			Timeouts: short,
		}
	}
	tlsHub := func(t *testing.T, c *tls.Config) *url.URL {
		c.Certificates = []tls.Certificate{ca.Server(t, "hub.example")}
		return accepting(t, func(nc net.Conn) {
			s := tls.Server(nc, c)
			if s.Handshake() == nil {
				_, _ = s.Read(make([]byte, 1)) // a refused certificate shows here to a client of TLS 1.3
			}
		})
	}
	tests := map[string]struct {
		setup func(t *testing.T) (*transport.WebSocket, *url.URL)
		phase transport.Phase
		class transport.Class
	}{
		"a name that does not resolve": {func(*testing.T) (*transport.WebSocket, *url.URL) {
			return trusting(), &url.URL{Scheme: "wss", Host: "no..name"}
		}, transport.PhaseResolve, transport.ClassDNS},
		"nothing listens": {func(t *testing.T) (*transport.WebSocket, *url.URL) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			_ = l.Close()
			return trusting(), &url.URL{Scheme: "wss", Host: l.Addr().String()}
		}, transport.PhaseConnect, transport.ClassRefused},
		"no answer to the connect": {func(*testing.T) (*transport.WebSocket, *url.URL) {
			d := trusting()
			d.NetDial = func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil,
					ctx.Err()
			}
			return d, &url.URL{Scheme: "wss", Host: "hub.example"}
		}, transport.PhaseConnect, transport.ClassTimeout},
		"cut before TLS": {func(t *testing.T) (*transport.WebSocket, *url.URL) {
			return trusting(), accepting(t, func(net.Conn) {})
		}, transport.PhaseTLS, transport.ClassCut},
		"reset before TLS": {func(t *testing.T) (*transport.WebSocket, *url.URL) {
			return trusting(), accepting(t, func(nc net.Conn) {
				_, _ = nc.Read(make([]byte, 1)) // else the client may see the reset while it connects
				_ = transporttest.NewFaulty(nc, transporttest.Plan{}).Reset()
			})
		}, transport.PhaseTLS, transport.ClassCut},
		"no answer to the TLS hello": {func(t *testing.T) (*transport.WebSocket, *url.URL) {
			return trusting(), accepting(t, func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) })
		}, transport.PhaseTLS, transport.ClassTimeout},
		"not TLS": {func(t *testing.T) (*transport.WebSocket, *url.URL) {
			return trusting(), accepting(
				t,
				func(nc net.Conn) { _, _ = io.WriteString(nc, "HTTP/1.1 400 Bad Request\r\n\r\n") },
			)
		}, transport.PhaseTLS, transport.ClassNotTLS},
		"unknown CA": {func(t *testing.T) (*transport.WebSocket, *url.URL) {
			d := trusting()
			d.TLS.RootCAs = transporttest.NewAuthority(t).Pool
			return d, tlsHub(t, &tls.Config{})
		}, transport.PhaseTLS, transport.ClassUnknownCA},
		"verification is on without a configuration": {
			func(t *testing.T) (*transport.WebSocket, *url.URL) {
				return &transport.WebSocket{}, tlsHub(t, &tls.Config{})
			},
			transport.PhaseTLS,
			transport.ClassUnknownCA,
		},
		"another name": {func(t *testing.T) (*transport.WebSocket, *url.URL) {
			d := trusting()
			d.TLS.ServerName = "other.example"
			return d, tlsHub(t, &tls.Config{})
		}, transport.PhaseTLS, transport.ClassHostname},
		"a clock that is off": {func(t *testing.T) (*transport.WebSocket, *url.URL) {
			d := trusting()
			d.Time = func() time.Time { return time.Unix(0, 0) }
			return d, tlsHub(t, &tls.Config{})
		}, transport.PhaseTLS, transport.ClassExpired},
		"TLS 1.1, though the configuration would take it": {
			func(t *testing.T) (*transport.WebSocket, *url.URL) {
				d := trusting()
				d.TLS.MinVersion = tls.VersionTLS10
				return d, tlsHub(t, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
			},
			transport.PhaseTLS,
			transport.ClassOther,
		},
		"own certificate unreadable": {func(t *testing.T) (*transport.WebSocket, *url.URL) {
			d := trusting()
			d.Certificate = func() (*tls.Certificate, error) { return nil, errors.New("no key in the slot") }
			return d, tlsHub(t, &tls.Config{ClientAuth: tls.RequestClientCert})
		}, transport.PhaseTLS, transport.ClassOwnCertificate},
		"no certificate where one is required": {func(t *testing.T) (*transport.WebSocket, *url.URL) {
			d := trusting()
			d.Certificate = func() (*tls.Certificate, error) { return nil, nil }
			return d, tlsHub(t, &tls.Config{ClientAuth: tls.RequireAnyClientCert})
		}, transport.PhaseUpgrade, transport.ClassRejected},
		"certificate refused, TLS 1.2": {func(t *testing.T) (*transport.WebSocket, *url.URL) {
			return withCertificate(
					t,
					trusting(),
				), tlsHub(
					t,
					&tls.Config{
						ClientAuth: tls.RequireAndVerifyClientCert,
						ClientCAs:  ca.Pool,
						MaxVersion: tls.VersionTLS12,
					},
				)
		}, transport.PhaseTLS, transport.ClassRejected},
		"certificate refused, TLS 1.3": {func(t *testing.T) (*transport.WebSocket, *url.URL) {
			return withCertificate(
					t,
					trusting(),
				), tlsHub(
					t,
					&tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool},
				)
		}, transport.PhaseUpgrade, transport.ClassRejected},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d, u := test.setup(t)
			u.RawQuery = "token=s3cret"
			_, err := d.Dial(t.Context(), transport.Request{URL: u})
			var p *transport.PhaseError
			if !errors.As(err, &p) {
				t.Fatalf("got %v, want a PhaseError", err)
			}
			if p.Phase != test.phase || p.Class() != test.class {
				t.Errorf("phase %v, class %v, want %v, %v: %v", p.Phase, p.Class(), test.phase, test.class, err)
			}
			if p.Timeout() != (test.class == transport.ClassTimeout) {
				t.Errorf("Timeout() is %v for class %v", p.Timeout(), p.Class())
			}
			if strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), u.Host) {
				t.Errorf("the error must name the host and not the query: %v", err)
			}
		})
	}
}

func withCertificate(t *testing.T, d *transport.WebSocket) *transport.WebSocket {
	t.Helper()
	cert := transporttest.NewAuthority(t).Client(t, "device-1")
	d.Certificate = func() (*tls.Certificate, error) { return &cert, nil }
	return d
}

// dialRaw dials a hub that answers the upgrade request with what answer makes of the request's key.
// It runs in a bubble.
func dialRaw(
	t *testing.T,
	d transport.WebSocket,
	answer func(nc net.Conn, accept string),
) (transport.Conn, error) {
	t.Helper()
	ours, theirs := duplex.New("device", "hub")
	d.NetDial = func(context.Context, string, string) (net.Conn, error) { return ours, nil }
	go func() {
		r, err := http.ReadRequest(bufio.NewReader(theirs))
		if err != nil {
			return
		}
		sum := sha1.Sum(
			[]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"),
		) //nolint:gosec // RFC 6455
		answer(theirs, base64.StdEncoding.EncodeToString(sum[:]))
	}()
	return d.Dial(t.Context(), transport.Request{URL: &url.URL{Scheme: "ws", Host: "hub.example"}})
}

const upgraded = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, upgrade\r\n"

func TestUpgradeAnswers(t *testing.T) {
	tests := map[string]struct {
		answer  string // ACCEPT stands for the right key
		class   transport.Class
		silence bool // the hub keeps the connection open behind the answer
	}{
		"no Upgrade": {
			"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n",
			transport.ClassNotWebSocket,
			true,
		},
		"no Connection": {
			"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n",
			transport.ClassNotWebSocket,
			true,
		},
		"another Connection": {
			"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgraded\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n",
			transport.ClassNotWebSocket,
			true,
		},
		"no accept key": {upgraded + "\r\n", transport.ClassNotWebSocket, true},
		"a wrong accept key": {
			upgraded + "Sec-WebSocket-Accept: xACCEPT\r\n\r\n",
			transport.ClassNotWebSocket,
			true,
		},
		"HTTP/1.0": {
			strings.Replace(upgraded, "1.1", "1.0", 1) + "Sec-WebSocket-Accept: ACCEPT\r\n\r\n",
			transport.ClassNotWebSocket,
			true,
		},
		"an extension": {
			upgraded +
				"Sec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
			transport.ClassNotWebSocket,
			true,
		},
		"a subprotocol": {
			upgraded + "Sec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Protocol: chat\r\n\r\n",
			transport.ClassNotWebSocket,
			true,
		},
		"not HTTP": {"SSH-2.0-OpenSSH\r\n\r\n", transport.ClassNotWebSocket, true},
		"an endless header": {
			upgraded + "X: " + strings.Repeat("x", 70_000),
			transport.ClassNotWebSocket,
			true,
		},
		"endless headers": {
			upgraded + strings.Repeat("X: y\r\n", 20_000),
			transport.ClassNotWebSocket,
			true,
		},
		"endless 100s": {
			strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 4_000),
			transport.ClassNotWebSocket,
			true,
		},
		"silence":             {"", transport.ClassTimeout, true},
		"silence in a header": {upgraded + "X: ", transport.ClassTimeout, true},
		"the end at once":     {"", transport.ClassOther, false},
		"the end in a header": {upgraded + "X: ", transport.ClassOther, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, err := dialRaw(t, transport.WebSocket{}, func(nc net.Conn, accept string) {
					_, _ = io.WriteString(nc, strings.ReplaceAll(test.answer, "ACCEPT", accept))
					if test.silence {
						_, _ = io.Copy(io.Discard, nc) // until the device hangs up
					}
					_ = nc.Close()
				})
				var p *transport.PhaseError
				if !errors.As(err, &p) || p.Phase != transport.PhaseUpgrade || p.Class() != test.class {
					t.Errorf("got %v, want class %v in the upgrade", err, test.class)
				}
				if took := time.Since(start); took > 0 != (test.class == transport.ClassTimeout) ||
					took > 10*time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

func TestUpgradeGoodAnswers(t *testing.T) {
	tests := map[string]string{
		"bare":                 upgraded + "Sec-WebSocket-Accept: ACCEPT\r\n\r\n",
		"behind informational": "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + upgraded + "Sec-WebSocket-Accept: ACCEPT\r\n\r\n",
		"with the longest headers": upgraded + "Sec-WebSocket-Accept: ACCEPT\r\nX: " + strings.Repeat(
			"x",
			60_000,
		) + "\r\n\r\n",
	}
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				early := "\x81\x05early" + "\x82\x7e\x07\xd0" + strings.Repeat("b", 2000) + "\x88\x02\x03\xf4"
				c, err := dialRaw(t, transport.WebSocket{}, func(nc net.Conn, accept string) {
					_, _ = io.WriteString(nc, strings.Replace(answer, "ACCEPT", accept, 1)+early) // one Write
					_ = nc.Close()
				})
				if err != nil {
					t.Fatal(err)
				}
				_, first, err1 := c.ReadMessage(nil)
				_, second, err2 := c.ReadMessage(nil)
				_, _, err = c.ReadMessage(nil)
				var ce *transport.CloseError
				if string(first) != "early" || len(second) != 2000 || err1 != nil || err2 != nil ||
					!errors.As(err, &ce) ||
					ce.Code != protocol.CloseServiceRestart {
					t.Errorf("frames behind the 101 were lost: %q, %d bytes, %v", first, len(second), err)
				}
			})
		})
	}
}

// The deadline of the upgrade is not that of the link.
func TestLinkOutlivesTheUpgradeTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := dialRaw(t, transport.WebSocket{}, func(nc net.Conn, accept string) {
			_, _ = io.WriteString(nc, upgraded+"Sec-WebSocket-Accept: "+accept+"\r\n\r\n")
			time.Sleep(time.Hour)
			_, _ = io.WriteString(nc, "\x81\x04late")
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.ReadMessage(nil); string(got) != "late" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		_ = c.Abort()
	})
}

// A refusal is worth reporting even when its body never comes.
func TestRefusalWithoutItsBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := dialRaw(t, transport.WebSocket{}, func(nc net.Conn, _ string) {
			_, _ = io.WriteString(
				nc,
				"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 100\r\n\r\npart",
			)
			_, _ = io.Copy(io.Discard, nc)
		})
		var r *transport.RefusedError
		if !errors.As(err, &r) || r.Status != 503 || string(r.Body) != "part" ||
			r.RetryAfter() != 7*time.Second {
			t.Errorf("got %v, want the refusal", err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("waited %v for the body", took)
		}
	})
}

func TestInsecureWhenAsked(t *testing.T) {
	d, u := socketHub(t, serverTLS, echoes)
	d.TLS.RootCAs, d.TLS.InsecureSkipVerify = nil, true
	d.TLS.NextProtos = []string{"h2", "http/1.1"} // for downloads, say; a WebSocket needs HTTP/1.1
	c, err := d.Dial(t.Context(), transport.Request{URL: u})
	if err != nil {
		t.Fatalf("explicitly insecure: %v", err)
	}
	if info := c.Info(); info.TLS == nil || info.TLS.Verified || info.TLS.Peer == nil ||
		info.TLS.Version < tls.VersionTLS12 {
		t.Errorf("TLS info %+v, want an unverified peer", info.TLS)
	}
	if i, err := c.Info().Interface(); err != nil || i.Flags&net.FlagLoopback == 0 {
		t.Errorf("interface %v, %v, want the loopback", i, err)
	}
	if err := c.Close(protocol.CloseNormal, ""); err != nil {
		t.Error(err)
	}
}
