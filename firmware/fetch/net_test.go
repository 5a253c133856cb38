package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/hublink-go/hublink/firmware/fetch"
)

// network carries HTTP inside of the process, for tests in virtual time: real sockets never become
// idle in a bubble.
type network struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	dialed int
}

func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error {
	n.once.Do(func() { close(n.closed) })
	return nil
}

func (n *network) Addr() net.Addr { return &net.TCPAddr{} }

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	n.dialed++
	here, there := net.Pipe()
	select {
	case n.conns <- there:
		return here, nil
	case <-n.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// serve starts a server whose answers are h and returns a client for it, for any host. Both end
// with the test.
func serve(t *testing.T, h http.HandlerFunc) *http.Client {
	t.Helper()
	n := &network{conns: make(chan net.Conn), closed: make(chan struct{})}
	s := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(n) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return &http.Client{Transport: &http.Transport{DialContext: n.dial, DisableCompression: true}}
}

// memory is a Sink.
type memory struct {
	data     []byte
	restarts int
	largest  int
	onWrite  func() error
}

func (m *memory) Write(_ context.Context, p []byte) error {
	if m.onWrite != nil {
		if err := m.onWrite(); err != nil {
			return err
		}
	}
	m.data = append(m.data, p...)
	m.largest = max(m.largest, len(p))
	return nil
}

func (m *memory) Restart(context.Context) error {
	m.data, m.restarts = m.data[:0], m.restarts+1
	return nil
}

// file makes n bytes that are different from seed to seed.
func file(n int, seed uint64) []byte {
	p := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(n)})
	_, _ = r.Read(p)
	return p
}

// give answers as good servers do, ranges and preconditions included.
func give(w http.ResponseWriter, r *http.Request, etag string, data []byte) {
	w.Header().Set("ETag", etag)
	http.ServeContent(w, r, "", noTime, bytes.NewReader(data))
}

// hangUp cuts the connection in the middle of an answer.
func hangUp(w http.ResponseWriter) {
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// silent keeps the connection open without a word until the client goes.
func silent(w http.ResponseWriter, r *http.Request) {
	w.(http.Flusher).Flush()
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// answers is a handler with one answer for each attempt; the last one stays.
func answers(list ...http.HandlerFunc) http.HandlerFunc {
	n := 0
	return func(w http.ResponseWriter, r *http.Request) {
		h := list[min(n, len(list)-1)]
		n++
		h(w, r)
	}
}

const address = "http://cdn.example/fw.bin?signature=s3cret"

func options(c *http.Client) fetch.Options {
	return fetch.Options{HTTP: c, Rand: rand.New(rand.NewPCG(1, 2))}
}
