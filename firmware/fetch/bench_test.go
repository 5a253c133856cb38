package fetch_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hublink-go/hublink/firmware/fetch"
)

type discard struct{ n int64 }

func (d *discard) Write(_ context.Context, p []byte) error { d.n += int64(len(p)); return nil }
func (d *discard) Restart(context.Context) error           { d.n = 0; return nil }

// BenchmarkFetch downloads a file of 64 MiB over loopback. Allocations are those of one download.
func BenchmarkFetch(b *testing.B) {
	data := file(64<<20, 1)
	s := httptest.NewServer(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { give(w, r, `"1"`, data) }),
	)
	defer s.Close()
	d := fetch.New(fetch.Options{})
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		sink := &discard{}
		_, err := d.Fetch(b.Context(), fetch.Source{URL: s.URL, Size: int64(len(data))}, sink)
		if err != nil || sink.n != int64(len(data)) {
			b.Fatal(err, sink.n)
		}
	}
}

// printer is a sink that prints the bytes.
type printer struct{}

func (printer) Write(_ context.Context, p []byte) error { fmt.Printf("%s\n", p); return nil }

func (printer) Restart(context.Context) error { fmt.Println("from the start"); return nil }

func Example() {
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n++; n == 1 { // the first connection breaks in the middle
			w.Header().Set("ETag", `"1"`)
			w.Header().Set("Content-Length", "13")
			fmt.Fprint(w, "first,")
			hangUp(w)
		}
		give(w, r, `"1"`, []byte("first, second"))
	}))
	defer s.Close()

	d := fetch.New(fetch.Options{RetryDelay: 1}) // a nanosecond, so that the example does not wait
	result, err := d.Fetch(context.Background(), fetch.Source{URL: s.URL, Size: 13}, printer{})
	fmt.Println(result.Size, result.Attempts, err)
	// Output:
	// first,
	//  second
	// 13 2 <nil>
}
