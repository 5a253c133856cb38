package hubtest

import (
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

// BenchmarkChecksums is what adding a firmware costs.
func BenchmarkChecksums(b *testing.B) {
	f := &Firmware{Content: Generated(1, 64<<20)}
	b.SetBytes(f.Content.Size)
	for b.Loop() {
		f.Partials = nil
		require.NoError(b, f.sum())
	}
}
