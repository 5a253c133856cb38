package transporttest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
)

// TestConn checks that the two ends of newPair keep the contract of transport.Conn. The ends have
// the default limits.
func TestConn(t *testing.T, newPair func() (client, server transport.Conn)) {
	t.Helper()
	tests := []struct {
		name string
		run  func(t *testing.T, a, b transport.Conn)
	}{
		{"Messages", testMessages},
		{"BufferReuse", testBufferReuse},
		{"ConcurrentWriters", testConcurrentWriters},
		{"RefusedWrites", testRefusedWrites},
		{"CloseCode", testCloseCode},
		{"CloseReasonCut", testCloseReasonCut},
		{"CloseUnsendableCode", testCloseUnsendableCode},
		{"CloseManyTimes", testCloseManyTimes},
		{"CloseBothEnds", testCloseBothEnds},
		{"CloseWhileReading", testCloseWhileReading},
		{"CloseSilentPeer", testCloseSilentPeer},
		{"CloseBehindStuckWrite", testCloseBehindStuckWrite},
		{"Abort", testAbort},
		{"AbortStuckWrite", testAbortStuckWrite},
		{"Info", testInfo},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client, server := newPair()
			t.Run("client", func(t *testing.T) { test.run(t, client, server) })
			_, _ = client.Abort(), server.Abort()
			client, server = newPair()
			t.Run("server", func(t *testing.T) { test.run(t, server, client) })
			_, _ = client.Abort(), server.Abort()
		})
	}
}

// prompt is longer than every bounded operation on a busy machine: a close drains for at most 1 s,
// after the compression of a large message.
const prompt = 10 * time.Second

// within fails the test when f does not return in time.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(prompt):
		t.Errorf("%s did not end within %v", what, prompt)
	}
}

func expect(t *testing.T, c transport.Conn, kind transport.Kind, want []byte) {
	t.Helper()
	k, p, err := c.ReadMessage(nil)
	if err != nil || k != kind || !bytes.Equal(p, want) {
		t.Fatalf(
			"got a %v message of %d bytes, error %v; want %v, %d bytes",
			k,
			len(p),
			err,
			kind,
			len(want),
		)
	}
}

func expectCode(t *testing.T, c transport.Conn, code int) *transport.CloseError {
	t.Helper()
	_, _, err := c.ReadMessage(nil)
	var ce *transport.CloseError
	if !errors.As(err, &ce) || ce.Code != code {
		t.Fatalf("reading ended with %v, want close code %d", err, code)
	}
	if _, _, again := c.ReadMessage(nil); !errors.Is(again, err) {
		t.Errorf("the next read ended with %v, want the same error again", again)
	}
	return ce
}

func expectEnd(t *testing.T, c transport.Conn, why string) {
	t.Helper()
	if _, _, err := c.ReadMessage(nil); err == nil {
		t.Errorf("reading went on: %s", why)
	}
}

func testMessages(t *testing.T, a, b transport.Conn) {
	sizes := []int{0, 1, 125, 126, 127, 4095, 4096, 4097, 65535, 65536, 300_000, 8_000_000}
	go func() {
		for _, n := range sizes {
			_ = a.WriteMessage(transport.Text, bytes.Repeat([]byte{'x'}, n))
			_ = a.WriteMessage(transport.Binary, bytes.Repeat([]byte{0xfe}, n))
		}
	}()
	for _, n := range sizes {
		expect(t, b, transport.Text, bytes.Repeat([]byte{'x'}, n))
		expect(t, b, transport.Binary, bytes.Repeat([]byte{0xfe}, n))
	}
}

func testBufferReuse(t *testing.T, a, b transport.Conn) {
	for _, text := range []string{"first", "second message"} {
		if err := a.WriteMessage(transport.Text, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	buf := append(make([]byte, 0, 64), "old content"...)
	_, first, err := b.ReadMessage(buf)
	if err != nil || string(first) != "first" || &first[0] != &buf[0] {
		t.Fatalf("got %q, %v, want the message in the caller's buffer", first, err)
	}
	expect(t, b, transport.Text, []byte("second message"))
	if string(first) != "first" {
		t.Errorf("the first message became %q by reading the second", first)
	}
}

func testConcurrentWriters(t *testing.T, a, b transport.Conn) {
	const writers, each = 8, 40
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				if err := a.WriteMessage(transport.Text, fmt.Appendf(nil, "%d %d %s", w, i, strings.Repeat("x",
					i*50))); err != nil {
					t.Errorf("write: %v", err)
				}
			}
		})
	}
	var next [writers]int
	for range writers * each {
		_, p, err := b.ReadMessage(nil)
		if err != nil {
			t.Fatal(err)
		}
		var w, i int
		var fill string
		if _, err := fmt.Sscanf(string(p)+" .", "%d %d %s", &w, &i, &fill); err != nil || next[w] != i {
			t.Fatalf("message %.20q: want number %d of its writer", p, next[w])
		}
		next[w]++
	}
	all.Wait()
}

func testRefusedWrites(t *testing.T, a, b transport.Conn) {
	if err := a.WriteMessage(transport.Text, []byte("bad \xff")); !errors.Is(
		err,
		transport.ErrInvalidUTF8,
	) {
		t.Errorf("text that is not UTF-8: %v", err)
	}
	if err := a.WriteMessage(transport.Binary, make([]byte, 8_000_001)); !errors.Is(
		err,
		transport.ErrMessageTooBig,
	) {
		t.Errorf("8,000,001 bytes: %v", err)
	}
	if err := a.WriteMessage(transport.Text, []byte("still here")); err != nil {
		t.Fatalf("the link did not survive a refused write: %v", err)
	}
	expect(t, b, transport.Text, []byte("still here"))
}

func testCloseCode(t *testing.T, a, b transport.Conn) {
	if err := a.WriteMessage(transport.Text, []byte("before")); err != nil {
		t.Fatal(err)
	}
	go func() { _ = a.Close(protocol.CloseServiceRestart, "draining") }()
	expect(t, b, transport.Text, []byte("before"))
	ce := expectCode(t, b, protocol.CloseServiceRestart)
	if !ce.Received || ce.Reason != "draining" {
		t.Errorf("got %+v, want a received close with its reason", ce)
	}
	if err := b.WriteMessage(transport.Text, []byte("late")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after the close: %v, want net.ErrClosed", err)
	}
}

func testCloseReasonCut(t *testing.T, a, b transport.Conn) {
	long := strings.Repeat("ä", 100)
	go func() { _ = a.Close(protocol.CloseNormal, long) }()
	ce := expectCode(t, b, protocol.CloseNormal)
	if len(ce.Reason) != 122 || !utf8.ValidString(ce.Reason) || !strings.HasPrefix(long, ce.Reason) {
		t.Errorf("reason has %d bytes: %q, want the 61 characters that fit", len(ce.Reason), ce.Reason)
	}
}

func testCloseUnsendableCode(t *testing.T, a, b transport.Conn) {
	go func() { _ = a.Close(protocol.CloseAbnormal, "not on the wire") }()
	if ce := expectCode(t, b, protocol.CloseNoStatus); ce.Reason != "" || !ce.Received {
		t.Errorf("got %+v, want an empty close", ce)
	}
}

func testCloseManyTimes(t *testing.T, a, b transport.Conn) {
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := a.Close(protocol.CloseNormal, "bye"); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	_ = expectCode(t, b, protocol.CloseNormal)
	all.Wait()
	if err := a.Close(protocol.CloseNormal, ""); err != nil {
		t.Errorf("close again: %v", err)
	}
	expectEnd(t, a, "after its own close")
	if err := a.WriteMessage(transport.Text, nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after the own close: %v, want net.ErrClosed", err)
	}
}

func testCloseBothEnds(t *testing.T, a, b transport.Conn) {
	within(t, "closing both ends at once", func() {
		var both sync.WaitGroup
		both.Go(func() { _ = a.Close(protocol.CloseNormal, "") })
		both.Go(func() { _ = b.Close(protocol.CloseGoingAway, "") })
		both.Wait()
	})
	expectEnd(t, a, "after both closed")
	expectEnd(t, b, "after both closed")
}

func testCloseWhileReading(t *testing.T, a, b transport.Conn) {
	ended := make(chan error, 2)
	for _, c := range []transport.Conn{a, b} {
		go func() {
			_, _, err := c.ReadMessage(nil)
			ended <- err
		}()
	}
	within(t, "close with a reader waiting", func() {
		if err := a.Close(protocol.CloseNormal, ""); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	for range 2 {
		err := <-ended
		var ce *transport.CloseError
		if !errors.As(err, &ce) && !errors.Is(err, net.ErrClosed) {
			t.Errorf("a reader ended with %v, want the peer's close or net.ErrClosed", err)
		}
	}
}

func testCloseSilentPeer(t *testing.T, a, _ transport.Conn) {
	within(t, "close while the peer does nothing", func() { _ = a.Close(protocol.CloseNormal, "") })
	expectEnd(t, a, "after its own close")
}

// stuckWrite writes until a write blocks. The channel receives the error of that write.
func stuckWrite(a transport.Conn) <-chan error {
	ended := make(chan error, 1)
	go func() {
		big := make([]byte, 4_000_000)
		for {
			if err := a.WriteMessage(transport.Binary, big); err != nil {
				ended <- err
				return
			}
		}
	}()
	return ended
}

func expectFailed(t *testing.T, ended <-chan error) {
	t.Helper()
	if err := <-ended; err == nil {
		t.Error("a write that was cut off reports success")
	}
}

func testCloseBehindStuckWrite(t *testing.T, a, _ transport.Conn) {
	ended := stuckWrite(a)
	within(t, "close behind a write that is stuck", func() { _ = a.Close(protocol.CloseNormal, "") })
	within(t, "the stuck write", func() { expectFailed(t, ended) })
}

func testAbort(t *testing.T, a, b transport.Conn) {
	ended := make(chan error, 1)
	go func() {
		_, _, err := a.ReadMessage(nil)
		ended <- err
	}()
	if err := a.Abort(); err != nil {
		t.Errorf("abort: %v", err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("the reader ended with %v, want net.ErrClosed", err)
	}
	if err := a.WriteMessage(transport.Text, nil); err == nil {
		t.Error("a write after the abort went through")
	}
	_, _, err := b.ReadMessage(nil)
	var ce *transport.CloseError
	if err == nil || errors.As(err, &ce) && ce.Code != protocol.CloseAbnormal {
		t.Errorf("the peer's reader ended with %v, want 1006 or a network error", err)
	}
	if err := a.Close(protocol.CloseNormal, ""); err != nil {
		t.Errorf("close after the abort: %v", err)
	}
	if err := a.Abort(); err != nil {
		t.Errorf("abort again: %v", err)
	}
}

func testAbortStuckWrite(t *testing.T, a, _ transport.Conn) {
	ended := stuckWrite(a)
	_ = a.Abort()
	within(t, "the stuck write", func() { expectFailed(t, ended) })
}

func testInfo(t *testing.T, a, b transport.Conn) {
	if x, y := a.Info(), b.Info(); x.LocalAddr.String() != y.RemoteAddr.String() ||
		x.RemoteAddr.String() != y.LocalAddr.String() {
		t.Errorf(
			"the ends do not agree: %v to %v, and %v to %v",
			x.LocalAddr,
			x.RemoteAddr,
			y.LocalAddr,
			y.RemoteAddr,
		)
	}
}
