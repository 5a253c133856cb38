package transport_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/protocol/transport/internal/duplex"
	"github.com/hublink-go/hublink/protocol/transport/transporttest"
)

// quick is the default but for the drain, which is real time here.
var quick = transport.Limits{Drain: 200 * time.Millisecond}

// security says how a socket hub is reached.
type security uint8

const (
	plain security = iota
	serverTLS
	mutualTLS
)

// echoes upgrades every request and sends each message back.
func echoes(*http.Request) transporttest.Answer {
	return transporttest.Answer{Serve: transporttest.Echo}
}

// socketHub starts a hub on a socket of this machine.
func socketHub(t testing.TB, s security, hub transporttest.Hub) (*transport.WebSocket, *url.URL) {
	t.Helper()
	server := httptest.NewUnstartedServer(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a := hub(r)
			if a.Status != 0 {
				for name, values := range a.Header {
					w.Header()[name] = values
				}
				w.WriteHeader(a.Status)
				_, _ = io.WriteString(w, a.Body)
				return
			}
			c, err := transport.Upgrade(
				w,
				r,
				transport.UpgradeOptions{Limits: quick, Compress: transport.Together},
			)
			if err == nil && a.Serve != nil {
				go a.Serve(c)
			}
		}),
	)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	d := &transport.WebSocket{UserAgent: "hublink-test", Limits: quick}
	if s == plain {
		server.Start()
	} else {
		ca := transporttest.NewAuthority(t)
		server.TLS = &tls.Config{
			Certificates: []tls.Certificate{ca.Server(t)},
			MinVersion:   tls.VersionTLS12,
		}
		d.TLS = &tls.Config{RootCAs: ca.Pool, MinVersion: tls.VersionTLS12}
		if s == mutualTLS {
			device := transporttest.NewAuthority(t) // not one that the hub names as acceptable
			cert := device.Client(t, "device-1")
			d.Certificate = func() (*tls.Certificate, error) { return &cert, nil }
			server.TLS.ClientAuth = tls.RequireAnyClientCert
			server.TLS.ClientCAs = ca.Pool
		}
		server.EnableHTTP2 = true // as the hub, which would rather speak that
		server.StartTLS()
	}
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return d, u
}

// socketPairs returns a maker of connected ends over sockets.
func socketPairs(
	t *testing.T,
	s security,
	z transport.Compression,
	wrap func(net.Conn) net.Conn,
) func() (client, server transport.Conn) {
	t.Helper()
	accepted := make(chan transport.Conn)
	d, u := socketHub(t, s, func(*http.Request) transporttest.Answer {
		return transporttest.Answer{Serve: func(c transport.Conn) { accepted <- c }}
	})
	d.Compress = z
	if wrap != nil {
		d.NetDial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return wrap(nc), nil
		}
	}
	return func() (client, server transport.Conn) {
		client, err := d.Dial(t.Context(), transport.Request{URL: u})
		if err != nil {
			t.Fatal(err)
		}
		return client, <-accepted
	}
}

func sliced(size int) func(net.Conn) net.Conn {
	return func(nc net.Conn) net.Conn {
		d := transporttest.Direction{Slice: size}
		return transporttest.NewFaulty(nc, transporttest.Plan{Read: d, Write: d})
	}
}

func TestConn(t *testing.T) {
	pipes := func(o transport.PipeOptions) func(*testing.T) func() (client, server transport.Conn) {
		return func(*testing.T) func() (client, server transport.Conn) {
			return func() (client, server transport.Conn) { return transport.Pipe(o) }
		}
	}
	tests := map[string]func(*testing.T) func() (client, server transport.Conn){
		"TCP": func(t *testing.T) func() (client, server transport.Conn) {
			return socketPairs(t, plain, 0,
				nil)
		},
		"TCPSliced": func(t *testing.T) func() (client, server transport.Conn) {
			return socketPairs(t, plain, 0, sliced(1000))
		},
		"TLS": func(t *testing.T) func() (client, server transport.Conn) {
			return socketPairs(t,
				serverTLS, 0, nil)
		},
		"TCPTogether": func(t *testing.T) func() (client, server transport.Conn) {
			return socketPairs(t, plain, transport.Together, nil)
		},
		"TLSAlone": func(t *testing.T) func() (client, server transport.Conn) {
			return socketPairs(t, serverTLS, transport.Alone, nil)
		},
		"PipeTogether": pipes(
			transport.PipeOptions{
				Client:     quick,
				Server:     quick,
				Deflate:    &transport.Deflate{},
				WrapClient: sliced(100),
			},
		),
		"Pipe": pipes(transport.PipeOptions{Client: quick, Server: quick}),
		"PipeSliced": pipes(
			transport.PipeOptions{
				Client:     quick,
				Server:     quick,
				WrapClient: sliced(100),
				WrapServer: sliced(777),
			},
		),
	}
	for name, pairs := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of the time is spent waiting for silent peers
			transporttest.TestConn(t, pairs(t))
		})
	}
}

func TestDialer(t *testing.T) {
	for name, s := range map[string]security{"TCP": plain, "TLS": serverTLS, "MutualTLS": mutualTLS} {
		t.Run(name, func(t *testing.T) {
			transporttest.TestDialer(t, func(t *testing.T, hub transporttest.Hub) transporttest.Endpoint {
				d, u := socketHub(t, s, hub)
				return transporttest.Endpoint{Dialer: d, URL: u}
			})
		})
	}
	t.Run("Pipe", func(t *testing.T) { transporttest.TestDialer(t, pipeHub) })
}

// pipeHub starts a hub in memory.
func pipeHub(t *testing.T, hub transporttest.Hub) transporttest.Endpoint {
	l := transport.NewListener()
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			o, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				a := hub(o.Request)
				if a.Status != 0 {
					_ = o.Refuse(a.Status, a.Header, a.Body)
					return
				}
				c, err := o.Accept(transport.UpgradeOptions{})
				if err == nil && a.Serve != nil {
					a.Serve(c)
				}
			}()
		}
	}()
	return transporttest.Endpoint{
		Dialer: &transport.PipeDialer{Listener: l},
		URL:    &url.URL{Scheme: "wss", Host: "hub.example"},
	}
}

// A peer that has broken a rule is not reset while it still sends: it would lose the close frame
// that says why.
func TestDrainAfterBrokenRule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer, ours := duplex.New("peer", "ours")
		c := transport.NewConn(ours, transport.RoleServer, transport.Limits{}, nil)
		ended := make(chan error, 1)
		go func() { _, _, err := c.ReadMessage(nil); ended <- err }()
		if _, err := peer.Write(append([]byte("\x83"), make([]byte, 300_000)...)); err != nil {
			t.Errorf("reset while sending: %v", err)
		}
		_ = peer.CloseWrite()
		if got, err := io.ReadAll(peer); string(got) != "\x88\x02\x03\xea" || err != nil {
			t.Errorf("got % x, %v, want a close with 1002", got, err)
		}
		if err := <-ended; err == nil {
			t.Error("reading went on")
		}
	})
}

// Under virtual time nothing may wait on anything but the bubble's own clock.
func TestPipeVirtualTime(t *testing.T) {
	tests := map[string]struct {
		run  func(t *testing.T, a, b transport.Conn)
		want time.Duration
	}{
		"close with a silent peer drains for 1 s": {
			func(_ *testing.T, a, _ transport.Conn) { _ = a.Close(protocol.CloseNormal, "") }, time.Second,
		},
		"a write to a peer that does not read ends after 10 s": {
			func(t *testing.T, a, _ transport.Conn) {
				if err := a.WriteMessage(transport.Binary, make([]byte, 1_000_000)); err == nil {
					t.Error("a million bytes went into a buffer of 64 KiB")
				}
			}, 10 * time.Second,
		},
		"a writer behind a stuck one ends with it": {
			func(t *testing.T, a, _ transport.Conn) {
				go func() { _ = a.WriteMessage(transport.Binary, make([]byte, 1_000_000)) }()
				synctest.Wait()
				if err := a.WriteMessage(transport.Text, nil); err == nil {
					t.Error("a frame was written into the middle of another")
				}
			}, 10 * time.Second,
		},
		"a close behind a stuck write takes 1 s": {
			func(t *testing.T, a, _ transport.Conn) {
				ended := make(chan error, 1)
				go func() { ended <- a.WriteMessage(transport.Binary, make([]byte, 1_000_000)) }()
				synctest.Wait()
				if err := a.Close(protocol.CloseNormal, ""); err == nil {
					t.Error("a close frame was written into the middle of another frame")
				}
				if err := <-ended; err == nil {
					t.Error("a write that was cut off reports success")
				}
			}, time.Second,
		},
		"a reader ends 1 s after a write has failed": {
			func(t *testing.T, a, _ transport.Conn) {
				go func() { _ = a.WriteMessage(transport.Binary, make([]byte, 1_000_000)) }()
				if _, _, err := a.ReadMessage(nil); !errors.Is(err, net.ErrClosed) {
					t.Errorf("got %v, want net.ErrClosed", err)
				}
			}, 11 * time.Second,
		},
		"a close does not wait for a peer that goes on talking": {
			func(_ *testing.T, a, b transport.Conn) {
				stop := make(chan struct{}) // a bubble must not end while a goroutine sleeps
				defer close(stop)
				go func() {
					for a.WriteMessage(transport.Text, []byte("and another thing")) == nil {
						select {
						case <-time.After(100 * time.Millisecond):
						case <-stop:
							return
						}
					}
				}()
				go func() {
					for {
						if _, _, err := b.ReadMessage(nil); err != nil {
							return
						}
					}
				}()
				synctest.Wait()
				_ = b.Close(protocol.CloseNormal, "")
			}, time.Second,
		},
		"silence ends a read after a minute, and a close still gets through": {
			func(t *testing.T, a, b transport.Conn) {
				_, _, err := b.ReadMessage(nil)
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("got %v, want a timeout", err)
				}
				go func() { _ = b.Close(protocol.CloseProtocolError, "idle") }()
				_, _, err = a.ReadMessage(nil)
				var ce *transport.CloseError
				if !errors.As(err, &ce) || ce.Code != protocol.CloseProtocolError || !ce.Received {
					t.Errorf("the silent end got %v, want close code 1002", err)
				}
			}, time.Minute,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				a, b := transport.Pipe(transport.PipeOptions{Server: transport.Limits{ReadIdle: time.Minute}})
				test.run(t, a, b)
				if took := time.Since(start); took != test.want {
					t.Errorf("took %v, want %v", took, test.want)
				}
				_, _ = a.Abort(), b.Abort()
			})
		})
	}
}
