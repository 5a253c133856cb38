package compare

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"
)

// newLink makes two ends of a link over TCP on this machine, which the end of the test drops.
func newLink(
	tb testing.TB,
	dialler, listener library,
	m mode,
	clientWrap, serverWrap wrapper,
) (client, server peer) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	accepted := make(chan peer, 1)
	s := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p, err := listener.accept(w, r, m)
			if err != nil {
				tb.Errorf("%s accepts: %v", listener.name, err)
				p = nil
			}
			accepted <- p
		}),
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Serve(wrapping{l, serverWrap})
	}()
	tb.Cleanup(func() {
		_ = s.Close()
		<-ended
	})
	client, err = dialler.dial(context.Background(), l.Addr().String(), m, clientWrap)
	if err != nil {
		tb.Fatalf("%s dials %s: %v", dialler.name, listener.name, err)
	}
	tb.Cleanup(client.drop)
	if server = <-accepted; server == nil {
		tb.FailNow()
	}
	tb.Cleanup(server.drop)
	return client, server
}

// wrapping is a listener whose connections are wrapped.
type wrapping struct {
	net.Listener
	wrap wrapper
}

func (l wrapping) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil || l.wrap == nil {
		return nc, err
	}
	return l.wrap(nc), nil
}

// echo sends back what arrives until the link ends.
func echo(p peer) {
	var buf []byte
	for {
		msg, err := p.receive(buf)
		if err != nil || p.send(msg) != nil {
			return
		}
		buf = msg
	}
}

// heartbeat is a message of the usual size.
var heartbeat = []byte(
	`["1","2345","device:0123456789abcdef","heartbeat",{"status":"ok","response":{},"at":"2026-11-22T0"}]`,
)

// report is n bytes of JSON of which no two pieces are the same and all are alike. Different
// numbers make different reports.
func report(number, n int) []byte {
	var b bytes.Buffer
	for i := 100_000 * number; b.Len() < n; i++ {
		fmt.Fprintf(
			&b,
			`["%d","%d","device:gateway-%04d","report",{"value":%d,"load":%.2f}],`,
			i,
			3*i,
			i*7919%10_000,
			i*i,
			float64(i)/7,
		)
	}
	return b.Bytes()[:n]
}
