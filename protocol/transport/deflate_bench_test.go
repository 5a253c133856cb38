package transport

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"runtime"
	"testing"
)

// report is n bytes of JSON of which no two pieces are the same and all are alike.
func report(from, n int) []byte {
	var b bytes.Buffer
	for i := from; b.Len() < n; i++ {
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

// BenchmarkDeflate compresses and restores a message each time round. "flate" is what the standard
// library takes for the same at the same level with a stream that is kept, which is the least that
// can be had with it.
func BenchmarkDeflate(b *testing.B) {
	for _, size := range []int{300, 4 << 10, 64 << 10} {
		msgs := make([][]byte, 50)
		for i := range msgs {
			msgs[i] = report(100_000*i, size)
		}
		for name, alone := range map[string]bool{"alone": true, "together": false} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				out, in := deflater{window: newWindow(alone, 0)}, inflater{window: newWindow(alone, 0)}
				var wire, got []byte
				b.ReportAllocs()
				b.SetBytes(int64(size))
				var sent int
				for i := 0; b.Loop(); i++ {
					msg := msgs[i%len(msgs)]
					wire, _ = out.compress(wire[:0], msg)
					sent += len(wire)
					if len(wire) > 0 {
						got, _ = in.inflate(got[:0], append(wire, inflateTail...), 1<<20)
					}
				}
				b.ReportMetric(float64(sent)/float64(b.N), "wire-B/op")
			})
			b.Run(fmt.Sprintf("flate %s/%d", name, size), func(b *testing.B) {
				var wire bytes.Buffer
				w, _ := flate.NewWriter(&wire, level)
				var z bytes.Reader
				r := flate.NewReader(&z)
				got := make([]byte, size)
				b.ReportAllocs()
				b.SetBytes(int64(size))
				for i := 0; b.Loop(); i++ {
					msg := msgs[i%len(msgs)]
					wire.Reset()
					if alone {
						w.Reset(&wire)
					}
					_, _ = w.Write(msg)
					_ = w.Flush()
					z.Reset(append(wire.Bytes()[:wire.Len()-4], inflateTail...))
					_ = r.(flate.Resetter).Reset(&z, nil)
					_, _ = io.ReadFull(r, got)
				}
			})
		}
	}
}

// BenchmarkDeflateIdle says what the compression of a link costs that waits, after a device's usual
// talk of 10 KB each way. Run it with -benchtime=2000x.
func BenchmarkDeflateIdle(b *testing.B) {
	for name, alone := range map[string]bool{"alone": true, "together": false} {
		b.Run(name, func(b *testing.B) {
			links := make([]*deflated, b.N)
			before := heap()
			for i := range links {
				links[i] = newDeflated(Deflate{ServerAlone: alone, ClientAlone: alone}, RoleClient)
				for j := range 10 {
					msg := report(1_000*(10*i+j), 1_000)
					if _, ok := links[i].out.compress(nil, msg); !ok {
						b.Fatal("not compressed")
					}
					links[i].in.add(msg)
				}
			}
			b.StopTimer()
			b.ReportMetric((heap()-before)/float64(b.N), "B/link")
			runtime.KeepAlive(links)
		})
	}
}

func heap() float64 {
	for range 3 { // pools let go at the second collection
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
