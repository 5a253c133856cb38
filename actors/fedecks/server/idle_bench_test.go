package server_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hublink-go/hublink/actors/fedecks/server"
	"github.com/hublink-go/hublink/protocol/etf"
	"github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/protocol/transport"
)

// envDevices makes this test binary the devices of BenchmarkIdleConnections: the URL to dial, and
// how often.
const envDevices = "HUBLINK_IDLE_DEVICES"

// BenchmarkIdleConnections shows what one connection costs the server that has its token, has
// pinged and says nothing more: the growth of the process's resident memory divided by the
// connections. Their other ends live in a process of their own, so that only the server's are
// counted, and so that neither has more open files than a process may have. ns/op is one whole run
// and says nothing.
func BenchmarkIdleConnections(b *testing.B) {
	const n = 8000
	if runtime.GOOS != "linux" {
		b.Skip("SKIPPED: resident memory is read from /proc")
	}
	for b.Loop() {
		idle(b, n)
	}
}

func idle(b *testing.B, n int) {
	srv, err := server.New(server.Config{
		Salt: "salt", Secrets: []string{"secret"}, Limits: server.Limits{Rate: -1, Idle: time.Hour},
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
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	web := &http.Server{Handler: srv, ReadHeaderTimeout: time.Minute}
	var serving sync.WaitGroup
	serving.Go(func() { _ = web.Serve(l) })
	defer func() {
		_ = web.Close()
		serving.Wait()
		if err := srv.Stop(context.Background()); err != nil {
			b.Error(err)
		}
	}()
	at := "ws://" + l.Addr().String() + "/"
	devices(b, at, 100)() // what the first ones cost is not what the next ones do
	before := resident(b)
	leave := devices(b, at, n)
	after := resident(b)
	if online := len(srv.Presence()); online != n {
		b.Errorf("%d of %d devices are connected", online, n)
	}
	leave()
	per := func(was, is uint64) float64 { return (float64(is) - float64(was)) / float64(n) }
	b.ReportMetric(per(before.resident, after.resident), "bytes-RSS/conn")
	b.ReportMetric(per(before.HeapAlloc, after.HeapAlloc), "bytes-heap/conn")
	b.ReportMetric(per(before.StackInuse, after.StackInuse), "bytes-stack/conn")
}

type usage struct {
	runtime.MemStats
	resident uint64
}

// resident is what this process holds when everything that can be given back has been.
func resident(b *testing.B) (u usage) {
	b.Helper()
	for range 3 { // pools are emptied by the second collection
		debug.FreeOSMemory()
	}
	runtime.ReadMemStats(&u.MemStats)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	var kb uint64
	if _, err := fmt.Sscanf(rest, "%d kB", &kb); err != nil {
		b.Fatal(err)
	}
	u.resident = kb << 10
	return u
}

// devices starts the other process and returns when all its devices have their tokens. leave ends
// it.
func devices(b *testing.B, at string, n int) (leave func()) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", envDevices, at, n))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		b.Fatalf("the devices did not come up: %q, %v", line, err)
	}
	return func() {
		_ = in.Close()
		_ = cmd.Wait()
	}
}

// beDevices is the other process: n devices that have logged in, asked for a token, pinged as the
// original does, and then say nothing until the input ends.
func beDevices(what string) error {
	var at string
	var n int
	if _, err := fmt.Sscan(what, &at, &n); err != nil {
		return err
	}
	u, err := url.Parse(at)
	if err != nil {
		return err
	}
	conns := make([]transport.Conn, n)
	errs := make(chan error, 8)
	var next atomic.Int64
	for range cap(errs) {
		go func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					errs <- nil
					return
				}
				var err error
				if conns[i], err = beDevice(u, fmt.Sprintf("dev-%d", i)); err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			return err
		}
	}
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(conns)
	return err
}

func beDevice(u *url.URL, id string) (transport.Conn, error) {
	header, err := fedecks.LoginHeader(id, nil)
	if err != nil {
		return nil, err
	}
	c, err := (&transport.WebSocket{}).Dial(
		context.Background(),
		transport.Request{URL: u, Header: http.Header{fedecks.HeaderAuth: {header}}},
	)
	if err != nil {
		return nil, err
	}
	if err := c.WriteMessage(transport.Binary, []byte("\x83k\x00\x0ctoken_please")); err != nil {
		return nil, err
	}
	ponged := make(chan struct{}, 1)
	c.(transport.Pinger).OnPong(func([]byte) { ponged <- struct{}{} })
	_, data, err := c.ReadMessage(nil)
	if err == nil && !bytes.Contains(data, []byte("XCP.")) {
		err = fmt.Errorf("no token but %x", data)
	}
	if err != nil {
		return nil, err
	}
	go func() { _, _, _ = c.ReadMessage(nil) }() // ends with the process
	if err := c.(transport.Pinger).Ping([]byte(id)); err != nil {
		return nil, err
	}
	<-ponged
	return c, nil
}
