package transport_test

import (
	"bufio"
	"context"
	"crypto/sha1" //nolint:gosec // RFC 6455
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/protocol/transport/internal/duplex"
	"github.com/hublink-go/hublink/protocol/transport/transporttest"
)

// world is a network in memory with hubs and proxies, for use in a bubble.
type world struct {
	t     *testing.T
	ca    *transporttest.Authority
	hosts map[string]func(nc net.Conn) // by host:port; a stream ends when its function returns

	mu   sync.Mutex
	seen []string // what was asked for, and by whom: see hub and httpProxy
}

func newWorld(t *testing.T) *world {
	return &world{t: t, ca: transporttest.NewAuthority(t), hosts: make(map[string]func(net.Conn))}
}

func (w *world) dialer() *transport.WebSocket {
	return &transport.WebSocket{
		NetDial: w.dial,
		TLS:     &tls.Config{RootCAs: w.ca.Pool, MinVersion: tls.VersionTLS12},
	}
}

func (w *world) dial(_ context.Context, _, addr string) (net.Conn, error) {
	serve := w.hosts[addr]
	if serve == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	ours, theirs := duplex.New("device", addr)
	go func() {
		serve(theirs)
		_ = theirs.Close()
	}()
	return ours, nil
}

func (w *world) saw(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, what)
}

// all returns the recorded events when all goroutines have ended or wait.
func (w *world) all() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

// hub makes addr a hub that sends requests away according to answers, by path with query, and lets
// the others in. With names it speaks TLS for them.
func (w *world) hub(addr string, answers map[string]string, names ...string) {
	var cert tls.Certificate
	if len(names) > 0 {
		cert = w.ca.Server(w.t, names...)
	}
	w.hosts[addr] = func(nc net.Conn) {
		if len(names) > 0 {
			nc = tls.Server(
				nc,
				&tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
			)
		}
		r, err := http.ReadRequest(bufio.NewReader(nc))
		if err != nil {
			return
		}
		key := r.Header.Get("X-Nh-Key")
		if key == "" {
			key = "-"
		}
		w.saw(addr + r.RequestURI + " " + key)
		answer := answers[r.RequestURI]
		if answer == "" {
			sum := sha1.Sum(
				[]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"),
			) //nolint:gosec // RFC 6455
			answer = upgraded + "Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(
				sum[:],
			) + "\r\n\r\n\x81\x02hi"
		}
		_, _ = io.WriteString(nc, answer)
		_, _ = io.Copy(io.Discard, nc)
	}
}

// moved is a redirect.
func moved(status, location string) string {
	return "HTTP/1.1 " + status + " Moved\r\nLocation: " + location + "\r\nContent-Length: 0\r\n\r\n"
}

// behind is a stream of which something has been read.
type behind struct {
	net.Conn
	r io.Reader
}

func (b behind) Read(p []byte) (int, error) { return b.r.Read(p) }

// httpProxy makes addr an HTTP proxy. It requires credentials unless they are empty. An answer that
// is not empty is its answer to every request.
func (w *world) httpProxy(addr, credentials, answer string) {
	w.hosts[addr] = func(nc net.Conn) {
		br := bufio.NewReader(nc)
		r, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		w.saw(
			r.Method + " " + r.RequestURI + " " + r.Header.Get(
				"X-Nh-Key",
			) + r.Header.Get(
				"Proxy-Authorization",
			),
		)
		switch want := "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials)); {
		case answer != "":
			_, _ = io.WriteString(nc, strings.TrimPrefix(answer, "hang"))
			if strings.HasPrefix(answer, "hang") {
				_, _ = io.Copy(io.Discard, nc)
			}
			return
		case credentials != "" && r.Header.Get("Proxy-Authorization") != want:
			_, _ = io.WriteString(
				nc,
				"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
			)
			return
		case w.hosts[r.RequestURI] == nil:
			_, _ = io.WriteString(nc, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
			return
		}
		_, _ = io.WriteString(nc, "HTTP/1.1 200 Connection established\r\n\r\n")
		w.hosts[r.RequestURI](behind{nc, br})
	}
}

// socksProxy makes addr a SOCKS5 proxy (RFC 1928) that wants user and password when user is not
// empty. script is what it answers instead of the truth, step by step.
func (w *world) socksProxy(addr, user, password string, script ...string) {
	w.hosts[addr] = func(nc net.Conn) {
		step := 0
		say := func(s string) {
			if step < len(script) {
				s = script[step]
			}
			step++
			_, _ = io.WriteString(nc, s)
		}
		read := func(n int) string {
			b := make([]byte, n)
			if _, err := io.ReadFull(nc, b); err != nil {
				return strings.Repeat("\x00", n)
			}
			return string(b)
		}
		methods := read(int(read(2)[1]))
		switch {
		case user == "":
			say("\x05\x00")
		case !strings.Contains(methods, "\x02"):
			say("\x05\xff")
			return
		default:
			say("\x05\x02")
			u := read(int(read(2)[1]))
			p := read(int(read(1)[0]))
			w.saw("SOCKS5 " + u + " " + p)
			if u != user || p != password {
				say("\x01\x01")
				return
			}
			say("\x01\x00")
		}
		head := read(5) // version, connect, reserved, a name, its length
		name := read(int(head[4]))
		port := read(2)
		target := net.JoinHostPort(name, map[string]string{"\x01\xbb": "443", "\x00\x50": "80"}[port])
		w.saw("SOCKS5 " + target)
		if w.hosts[target] == nil {
			say("\x05\x04\x00\x01\x00\x00\x00\x00\x00\x00") // host unreachable
			return
		}
		say("\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
		if step > len(script) {
			w.hosts[target](nc)
			return
		}
		_, _ = io.Copy(io.Discard, nc)
	}
}
