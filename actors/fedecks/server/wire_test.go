package server_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// memory is a listener whose connections are pipes.
type memory struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newMemory() *memory { return &memory{conns: make(chan net.Conn), done: make(chan struct{})} }

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.done:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error {
	m.once.Do(func() { close(m.done) })
	return nil
}

func (m *memory) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

// wire is one stream of octets to the server, as a device of the recordings had it.
type wire struct {
	t    *testing.T
	conn net.Conn

	mu  sync.Mutex
	in  bytes.Buffer
	eof bool
}

func dialWire(t *testing.T, m *memory) *wire {
	ours, theirs := net.Pipe()
	m.conns <- theirs
	w := &wire{t: t, conn: ours}
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := ours.Read(buf)
			w.mu.Lock()
			w.in.Write(buf[:n])
			w.eof = w.eof || err != nil
			w.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return w
}

// write ignores errors: the server may have closed, as recorded ones did.
func (w *wire) write(data []byte) {
	_, _ = w.conn.Write(data)
	synctest.Wait()
}

func (w *wire) close() {
	_ = w.conn.Close()
	synctest.Wait()
}

// status takes the answer of HTTP from the stream; 0: there is none.
func (w *wire) status() int {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	br := bufio.NewReader(bytes.NewReader(w.in.Bytes()))
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusSwitchingProtocols {
		_, _ = io.Copy(io.Discard, resp.Body)
	}
	rest, err := io.ReadAll(br)
	require.NoError(w.t, err)
	w.in.Reset()
	w.in.Write(rest)
	return resp.StatusCode
}

// wsFrame is one frame of RFC 6455.
type wsFrame struct {
	op      byte
	payload []byte
}

// frames takes the whole frames from the stream; a server's are neither masked nor, here, in
// fragments.
func (w *wire) frames() (all []wsFrame) {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		b := w.in.Bytes()
		if len(b) < 2 {
			return all
		}
		n, head := int(b[1]), 2
		switch n {
		case 126:
			n, head = int(binary.BigEndian.Uint16(b[2:])), 4
		case 127:
			n, head = int(binary.BigEndian.Uint64(b[2:])), 10
		}
		if len(b) < head+n {
			return all
		}
		all = append(all, wsFrame{op: b[0] & 15, payload: bytes.Clone(b[head : head+n])})
		w.in.Next(head + n)
	}
}

func (w *wire) ended() bool {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.eof
}

// masked is a client's frame. The mask is zero, which leaves the payload as it is.
func masked(first byte, payload []byte) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// serveWire runs an HTTP server on a memory listener until the test's end.
func serveWire(h http.Handler) (m *memory, stop func()) {
	m = newMemory()
	srv := &http.Server{Handler: h} //nolint:gosec // in memory, without time
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := srv.Serve(m); !errors.Is(err, http.ErrServerClosed) {
			panic(err)
		}
	})
	return m, func() {
		_ = srv.Close()
		wg.Wait()
	}
}
