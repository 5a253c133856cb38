package hubtest

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/transport"
)

// BenchmarkHeartbeat is a round trip through the pure part: frame in, frame out.
func BenchmarkHeartbeat(b *testing.B) {
	s := newBench(b, ProfileNew)
	s.join()
	frame := []byte(`[null,"7","phoenix","heartbeat",{}]`)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		m, err := s.wire.decode(transport.Text, frame)
		if err != nil {
			b.Fatal(err)
		}
		s.s.receive(epoch, m)
		out, _ := s.s.take()
		if buf, err = s.wire.encode(buf[:0], out[0]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDevices connects and joins devices over loopback sockets. bytes/device counts both ends.
func BenchmarkDevices(b *testing.B) {
	h := Run(b, Config{})
	dialer := h.Dialer()
	before := inUse()
	conns := make([]transport.Conn, 0, 4000)
	for b.Loop() {
		id := fmt.Sprint("dev-", len(conns))
		conn, err := dialer.Dial(b.Context(), request(b, h, h.Secret(id)))
		require.NoError(b, err)
		require.NoError(b, conn.WriteMessage(transport.Text, fmt.Appendf(nil, joinFormat, "1", "1.0.0", "u1", "null", true)))
		_, _, err = conn.ReadMessage(nil)
		require.NoError(b, err)
		conns = append(conns, conn)
	}
	b.ReportMetric(float64(inUse()-before)/float64(len(conns)), "bytes/device")
	b.StopTimer()
	for _, c := range conns {
		_ = c.Abort()
	}
}

func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// BenchmarkChecksums is what adding a firmware costs.
func BenchmarkChecksums(b *testing.B) {
	f := &Firmware{Content: Generated(1, 64<<20)}
	b.SetBytes(f.Content.Size)
	for b.Loop() {
		f.Partials = nil
		require.NoError(b, f.sum())
	}
}
