package server_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hublink-go/hublink/actors/fedecks/server"
	"github.com/hublink-go/hublink/protocol/etf"
	"github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/protocol/transport"
)

// open starts a server on loopback that echoes, with n devices.
func open(b *testing.B, n int) []transport.Conn {
	b.Helper()
	srv, err := server.New(server.Config{
		Salt: "salt", Secrets: []string{"secret"}, Limits: server.Limits{Rate: -1},
		Handler: server.Handler{
			Authenticate: func(context.Context, server.Login) (bool, error) { return true, nil },
			HandleIn: func(_ context.Context, _ *server.Session, t etf.Term) (server.Answer, error) {
				return server.Reply(t), nil
			},
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := srv.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	web := httptest.NewServer(srv)
	conns := make([]transport.Conn, 0, n)
	b.Cleanup(func() {
		for _, c := range conns {
			_ = c.Abort()
		}
		if err := srv.Stop(context.Background()); err != nil {
			b.Error(err)
		}
		web.Close()
	})
	u, err := url.Parse(strings.Replace(web.URL, "http", "ws", 1))
	if err != nil {
		b.Fatal(err)
	}
	for i := range n {
		header, err := fedecks.LoginHeader(fmt.Sprintf("dev-%d", i), nil)
		if err != nil {
			b.Fatal(err)
		}
		c, err := (&transport.WebSocket{}).Dial(
			b.Context(),
			transport.Request{URL: u, Header: http.Header{fedecks.HeaderAuth: {header}}},
		)
		if err != nil {
			b.Fatal(err)
		}
		conns = append(conns, c)
	}
	return conns
}

// BenchmarkEcho sends terms to and fro over loopback with 1,000 connections; one op is one message
// there and back.
func BenchmarkEcho(b *testing.B) {
	conns := open(b, 1000)
	msg, err := fedecks.Encode(etf.Tuple{etf.OK, etf.Binary("0123456789")})
	if err != nil {
		b.Fatal(err)
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for _, c := range conns {
		wg.Go(func() {
			var buf []byte
			for left.Add(-1) >= 0 {
				if err := c.WriteMessage(transport.Binary, msg); err != nil {
					b.Error(err)
					return
				}
				var err error
				if _, buf, err = c.ReadMessage(buf); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}
