package fetch_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware/fetch"
)

var noTime time.Time

// origin is a server with a number of faults: each request meets a random one until none is left.
type origin struct {
	mu     sync.Mutex // a request that was cut may still be in its handler
	rng    *rand.Rand
	data   []byte
	serial int // of the content
	faults int // how many requests go wrong
	seen   []string
}

func (o *origin) etag() string { return fmt.Sprintf("%q", fmt.Sprint("v", o.serial)) }

func (o *origin) from(r *http.Request) int {
	var n int
	_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &n)
	return min(n, len(o.data))
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.faults == 0 {
		o.seen = append(o.seen, "good "+r.Header.Get("Range"))
		give(w, r, o.etag(), o.data)
		return
	}
	o.faults--
	fault := faults[o.rng.IntN(len(faults))]
	o.seen = append(o.seen, fault.name+" "+r.Header.Get("Range"))
	fault.answer(o, w, r)
}

// some writes the headers of a good answer and a part of its bytes.
func (o *origin) some(w http.ResponseWriter, r *http.Request) {
	from := o.from(r)
	w.Header().Set("ETag", o.etag())
	w.Header().Set("Content-Length", strconv.Itoa(len(o.data)-from))
	if r.Header.Get("Range") != "" && from < len(o.data) &&
		(r.Header.Get("If-Range") == "" || r.Header.Get("If-Range") == o.etag()) {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(o.data)-1, len(o.data)))
		w.WriteHeader(http.StatusPartialContent)
	} else {
		from = 0
		w.Header().Set("Content-Length", strconv.Itoa(len(o.data)))
	}
	_, _ = w.Write(o.data[from : from+o.rng.IntN(len(o.data)-from+1)])
}

var faults = []struct {
	name   string
	answer func(o *origin, w http.ResponseWriter, r *http.Request)
}{
	{"cut", func(o *origin, w http.ResponseWriter, r *http.Request) { o.some(w, r); hangUp(w) }},
	{
		"cut before the headers",
		func(*origin, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	},
	{"stall", func(o *origin, w http.ResponseWriter, r *http.Request) { o.some(w, r); silent(w, r) }},
	{
		"stall before the headers",
		func(_ *origin, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	},
	{"full file instead of a range", func(o *origin, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", o.etag())
		_, _ = w.Write(o.data[:o.rng.IntN(len(o.data)+1)])
		hangUp(w)
	}},
	{"full file without a validator", func(o *origin, w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(o.data[:o.rng.IntN(len(o.data)+1)])
		hangUp(w)
	}},
	{"wrong range", func(o *origin, w http.ResponseWriter, r *http.Request) {
		from := o.from(r) + 1
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(o.data), len(o.data)+1))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(o.data[from-1:])
	}},
	{"range of another file", func(o *origin, w http.ResponseWriter, r *http.Request) {
		o.serial++
		o.data = file(len(o.data), uint64(o.serial)+1000)
		r.Header.Del("If-Range") // ignored
		give(w, r, o.etag(), o.data)
	}},
	{"another file", func(o *origin, w http.ResponseWriter, r *http.Request) {
		o.serial++
		o.data = file(len(o.data), uint64(o.serial)+1000)
		o.some(w, r)
		hangUp(w)
	}},
	{"a piece", func(o *origin, w http.ResponseWriter, r *http.Request) {
		from := o.from(r)
		if from >= len(o.data) {
			panic(http.ErrAbortHandler)
		}
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, from+o.rng.IntN(len(o.data)-from)))
		give(w, r, o.etag(), o.data)
	}},
	{"416", func(_ *origin, w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") == "" {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
	}},
	{
		"503",
		func(_ *origin, w http.ResponseWriter,
			_ *http.Request,
		) {
			w.WriteHeader(http.StatusServiceUnavailable)
		},
	},
	{"429", func(_ *origin, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "70")
		w.WriteHeader(http.StatusTooManyRequests)
	}},
}

// After any faults in any order the sink has exactly the bytes that the server has.
func TestFaults(t *testing.T) {
	for seed := range uint64(400) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 0))
				o := &origin{rng: rng, data: file(1+rng.IntN(200_000), seed), faults: rng.IntN(8)}
				opts := options(serve(t, o.ServeHTTP))
				opts.Rand = rand.New(rand.NewPCG(seed, 1))
				src := fetch.Source{URL: address, Limit: 200_000}
				if rng.IntN(2) == 0 {
					src.Size = int64(len(o.data))
				}
				sink := &memory{}
				var offsets []int64
				opts.OnAttempt = func(a fetch.Attempt) {
					offsets = append(offsets, a.Offset)
					require.Equal(t, int64(len(sink.data)), a.Offset, "where the sink is")
				}
				result, err := fetch.New(opts).Fetch(t.Context(), src, sink)
				o.mu.Lock()
				defer o.mu.Unlock()
				require.NoError(t, err, "%v", o.seen)
				require.True(
					t,
					bytes.Equal(o.data, sink.data),
					"%d bytes of %d after %v",
					len(sink.data),
					len(o.data),
					o.seen,
				)
				require.Equal(t, int64(len(o.data)), result.Size)
				require.Len(t, o.seen, result.Attempts)
				require.LessOrEqual(t, sink.largest, 64<<10)
				require.NotEmpty(t, offsets)
			})
		})
	}
}
