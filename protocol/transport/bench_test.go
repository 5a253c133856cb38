package transport_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/protocol/transport/transporttest"
)

// heartbeat is a message of the usual size, 100 bytes.
var heartbeat = []byte(
	`["1","2345","device:0123456789abcdef","heartbeat",{"status":"ok","response":{},"at":"2026-11-22T0"}]`,
)

func BenchmarkCodec(b *testing.B) {
	for _, size := range []int{100, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			payload := bytes.Repeat([]byte("x"), size)
			e := transport.NewEncoder(transport.RoleClient)
			d := transport.NewDecoder(transport.RoleServer, transport.Limits{}, false)
			var frame, msg []byte
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				frame, _ = e.Append(
					frame[:0],
					transport.Event{Kind: transport.EventMessage, Type: transport.Text, Payload: payload},
					[4]byte{1, 2, 3, 4},
				)
				_, msg, _, _ = d.Decode(frame, msg[:0])
			}
			if len(msg) != size {
				b.Fatal(len(msg))
			}
		})
	}
}

func BenchmarkEcho(b *testing.B) {
	pairs := map[string]func(b *testing.B) (client, server transport.Conn){
		"pipe": func(*testing.B) (client,
			server transport.Conn,
		) {
			return transport.Pipe(transport.PipeOptions{})
		},
		"tcp": func(b *testing.B) (client, server transport.Conn) { return benchPair(b, plain) },
		"tls": func(b *testing.B) (client, server transport.Conn) { return benchPair(b, serverTLS) },
	}
	for name, pair := range pairs {
		for _, payload := range [][]byte{heartbeat, bytes.Repeat([]byte("x"), 64<<10)} {
			b.Run(fmt.Sprintf("%s/%d", name, len(payload)), func(b *testing.B) {
				client, server := pair(b)
				go transporttest.Echo(server)
				buf := make([]byte, 0, len(payload))
				roundTrip := func() {
					if err := client.WriteMessage(transport.Text, payload); err != nil {
						b.Fatal(err)
					}
					if _, _, err := client.ReadMessage(buf); err != nil {
						b.Fatal(err)
					}
				}
				for range 10 {
					roundTrip()
				}
				b.ReportAllocs()
				b.SetBytes(2 * int64(len(payload)))
				r0, w0 := systemCalls()
				for b.Loop() {
					roundTrip()
				}
				r1, w1 := systemCalls()
				messages := 2 * float64(b.N)
				b.ReportMetric((r1-r0)/messages, "reads/msg")
				b.ReportMetric((w1-w0)/messages, "writes/msg")
				_, _ = client.Abort(), server.Abort()
			})
		}
	}
}

// systemCalls returns how many read and write calls this process has made, zero where the system
// does not say. A read that found nothing and went to sleep counts too: every reader of a socket
// makes one before it waits.
func systemCalls() (reads, writes float64) {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(text)) {
		_, _ = fmt.Sscanf(line, "syscr: %g", &reads)
		_, _ = fmt.Sscanf(line, "syscw: %g", &writes)
	}
	return reads, writes
}

func benchPair(b *testing.B, s security) (client, server transport.Conn) {
	b.Helper()
	accepted := make(chan transport.Conn)
	d, u := socketHub(b, s, func(*http.Request) transporttest.Answer {
		return transporttest.Answer{Serve: func(c transport.Conn) { accepted <- c }}
	})
	client, err := d.Dial(context.Background(), transport.Request{URL: u})
	if err != nil {
		b.Fatal(err)
	}
	return client, <-accepted
}

// BenchmarkIdle says what a link costs that waits for its next message, with the goroutine that
// waits.
func BenchmarkIdle(b *testing.B) {
	const links = 2000 // a process may not have many more open files
	b.Run("tcp client", func(b *testing.B) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		defer l.Close()
		for b.Loop() {
			b.ReportMetric(idleClients(b, l, links)/links, "B/link")
		}
	})
	b.Run("pipe pair", func(b *testing.B) {
		for b.Loop() {
			b.ReportMetric(idlePipes(links)/links, "B/pair")
		}
	})
}

// idleClients returns what n client links cost while nothing happens on them, half of their sockets
// included.
func idleClients(b *testing.B, l net.Listener, n int) float64 {
	bare, peers := make([]net.Conn, n), make([]net.Conn, n)
	start := memory()
	var err error
	for i := range n {
		if bare[i], err = net.Dial("tcp", l.Addr().String()); err != nil {
			b.Fatal(err)
		}
		if peers[i], err = l.Accept(); err != nil {
			b.Fatal(err)
		}
	}
	sockets := memory() - start
	conns := make([]transport.Conn, n)
	for i, nc := range bare {
		conns[i] = transport.NewConn(nc, transport.RoleClient, transport.Limits{}, nil)
	}
	links := idle(conns, func(i int) { // one message in, so that everything has been used once
		_, _ = peers[i].Write([]byte("\x81\x05hello"))
	})
	for i := range conns {
		_, _ = conns[i].Abort(), peers[i].Close()
	}
	return links + sockets/2
}

func idlePipes(n int) float64 {
	conns := make([]transport.Conn, 2*n)
	start := memory()
	for i := range n {
		conns[i], conns[n+i] = transport.Pipe(transport.PipeOptions{})
	}
	pairs := memory() - start
	pairs += idle(conns, func(i int) {
		_ = conns[(i+n)%(2*n)].WriteMessage(transport.Text, []byte("hello"))
	})
	for _, c := range conns {
		_ = c.Abort()
	}
	return pairs
}

// idle starts a reader for every link, sends each a message and returns the bytes that this has
// cost.
func idle(conns []transport.Conn, send func(i int)) float64 {
	before := memory()
	got := make(chan struct{}, len(conns))
	for _, c := range conns {
		go func() {
			for {
				if _, _, err := c.ReadMessage(nil); err != nil {
					return
				}
				got <- struct{}{}
			}
		}()
	}
	for i := range conns {
		send(i)
	}
	for range conns {
		<-got
	}
	return memory() - before
}

// memory is what the heap and the stacks hold once the garbage is gone.
func memory() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}
