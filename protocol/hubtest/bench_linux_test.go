package hubtest

import (
	"bytes"
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/transport"
)

// BenchmarkDevices connects and joins devices over loopback sockets: both channels, a health
// report, a heartbeat, then nothing. bytes/device is what the hub holds of an idle one: heap and
// stacks of this process after garbage collections, less what they were before. Its devices are
// bare descriptors without a goroutine or a buffer, so that they do not count. The kernel's share
// of a socket, about 5 KB, is not in it. The figure settles with the number: take -benchtime 8000x,
// which needs 16,000 open files.
func BenchmarkDevices(b *testing.B) {
	h := Run(b, Config{})
	address := netip.MustParseAddrPort(strings.TrimPrefix(h.URL(), "ws://"))
	fds := make([]int, 0, 10_000)
	defer func() {
		for _, fd := range fds {
			_ = syscall.Close(fd)
		}
	}()
	before := inUse()
	for b.Loop() {
		fd := bareSocket(b, address)
		fds = append(fds, fd)
		bareDevice(b, h, fd, fmt.Sprint("dev-", len(fds)))
	}
	b.ReportMetric(float64(inUse()-before)/float64(len(fds)), "bytes/device")
}

// bareSocket connects a socket that the runtime knows nothing of.
func bareSocket(b *testing.B, to netip.AddrPort) int {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(b, err)
	require.NoError(b, syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1))
	require.NoError(
		b,
		syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}),
	)
	return fd
}

// bareDevice is the life of a device until it has nothing more to say.
func bareDevice(b *testing.B, h *Hub, fd int, id string) {
	req := request(b, h, h.Secret(id))
	upgrade := &http.Request{
		Method: http.MethodGet,
		URL:    req.URL,
		Host:   req.URL.Host,
		Header: req.Header,
	}
	for name, value := range map[string]string{
		"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	} {
		upgrade.Header.Set(name, value)
	}
	var hello bytes.Buffer
	require.NoError(b, upgrade.Write(&hello))
	talk(b, fd, hello.Bytes(), "\r\n\r\n")
	for _, say := range []struct{ message, until string }{
		{fmt.Sprintf(joinFormat, "1", "2.3.0", "u1", "null", true), "extensions:get"},
		{`["2","2","extensions","phx_join",{"health":"0.0.1"}]`, "phx_reply"},
		{`["2","3","extensions","health:attached",{}]`, "health:check"},
		{`["2","4","extensions","health:report",{"value":{"timestamp":"2026-01-01T00:00:00Z","metrics":{"load_1min":0.5}}}]`, ""},
		{`[null,"5","phoenix","heartbeat",{}]`, "phoenix"},
	} {
		device := transport.NewEncoder(transport.RoleClient)
		frame, err := device.Append(
			nil,
			transport.Event{
				Kind:    transport.EventMessage,
				Type:    transport.Text,
				Payload: []byte(say.message),
			},
			[4]byte{1},
		)
		require.NoError(b, err)
		talk(b, fd, frame, say.until)
	}
}

// talk writes, and reads until it has seen a text.
func talk(b *testing.B, fd int, p []byte, until string) {
	_, err := syscall.Write(fd, p)
	require.NoError(b, err)
	var seen []byte
	for buf := make([]byte, 4096); !bytes.Contains(seen, []byte(until)); {
		n, err := syscall.Read(fd, buf)
		require.NoError(b, err)
		require.Positive(b, n, "the hub has hung up")
		seen = append(seen, buf[:n]...)
	}
}

// inUse is what the process holds once the garbage is gone. A collection halves a stack that is too
// large, so it takes several.
func inUse() uint64 {
	for range 5 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
