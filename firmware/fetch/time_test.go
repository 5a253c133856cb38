package fetch_test

import (
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware/fetch"
)

// drip sends size bytes of the file at a time, and waits before each.
func drip(data []byte, size int, wait time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		for rest := data; len(rest) > 0; {
			select {
			case <-time.After(wait):
			case <-r.Context().Done():
				return
			}
			n := min(size, len(rest))
			if _, err := w.Write(rest[:n]); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			rest = rest[n:]
		}
	}
}

func TestStallIsCutAndResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := file(1000, 1)
		start := time.Now()
		var silence time.Duration
		opts := options(serve(t, answers(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"1"`)
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(data[:300])
			silent(w, r)
		}, good(data))))
		opts.Stall = 20 * time.Second
		opts.OnRetry = func(err error, wait time.Duration) {
			silence = time.Since(start)
			require.EqualError(t, err, "the server sent nothing for 20s")
			require.Less(t, wait, time.Second, "the first wait is short: the attempt brought bytes")
		}
		sink := &memory{}
		_, err := fetch.New(opts).Fetch(t.Context(), fetch.Source{URL: address, Size: 1000}, sink)
		require.NoError(t, err)
		require.Equal(t, data, sink.data)
		require.Equal(t, 20*time.Second, silence)
	})
}

// A slow link that continues is no stall.
func TestSlowButHonest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := file(4_000_000, 1)
		opts := options(serve(t, drip(data, 200_000, 50*time.Second)))
		start := time.Now()
		sink := &memory{}
		_, err := fetch.New(opts).
			Fetch(t.Context(), fetch.Source{URL: address, Size: int64(len(data))}, sink)
		require.NoError(t, err)
		require.Equal(t, 20*50*time.Second, time.Since(start))
	})
}

// A download that would take years fails, also when the server hangs up after each byte.
func TestFloor(t *testing.T) {
	data := file(1_000_000, 1)
	for name, server := range map[string]http.HandlerFunc{
		"a byte now and then": drip(data, 1, 50*time.Second),
		"a byte a connection": func(w http.ResponseWriter, r *http.Request) {
			var from int
			if text := r.Header.Get("Range"); text != "" {
				from, _ = strconv.Atoi(text[len("bytes=") : len(text)-1])
				w.Header().Set("Content-Range", "bytes "+strconv.Itoa(from)+"-999999/1000000")
			}
			w.Header().Set("Content-Length", strconv.Itoa(len(data)-from))
			if from > 0 {
				w.WriteHeader(http.StatusPartialContent)
			}
			_, _ = w.Write(data[from : from+1])
			hangUp(w)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, err := fetch.New(options(serve(t, server))).
					Fetch(t.Context(), fetch.Source{URL: address, Size: 1_000_000}, &memory{})
				var slow *fetch.SlowError
				require.ErrorAs(t, err, &slow)
				require.ErrorContains(t, err, "slower than 3750 bytes per second for 5m0s")
				require.Less(t, time.Since(start), 7*time.Minute)
			})
		})
	}
}

func TestMaxTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := options(serve(t, drip(file(1_000_000, 1), 1, 50*time.Second)))
		opts.MinSpeed, opts.MaxTime = -1, time.Hour
		start := time.Now()
		_, err := fetch.New(opts).
			Fetch(t.Context(), fetch.Source{URL: address, Size: 1_000_000}, &memory{})
		var slow *fetch.SlowError
		require.ErrorAs(t, err, &slow)
		require.ErrorContains(t, err, "did not end within 1h0m0s")
		require.Equal(t, time.Hour, time.Since(start))
	})
}

// The time that the sink takes counts neither as a stall nor as a slow server, and no more is read
// meanwhile than what the connection buffers.
func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := file(300_000, 1)
		opts := options(serve(t, good(data)))
		sink := &memory{onWrite: func() error { time.Sleep(10 * time.Minute); return nil }}
		result, err := fetch.New(opts).
			Fetch(t.Context(), fetch.Source{URL: address, Size: int64(len(data))}, sink)
		require.NoError(t, err)
		require.Equal(t, 1, result.Attempts)
		require.Equal(t, data, sink.data)
	})
}

// Tries count attempts without a new byte. A new byte restores them, a byte that was there before
// does not.
func TestTries(t *testing.T) {
	data := file(500_000, 1)
	t.Run("progress", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			vain, n := 0, 0
			opts := options(serve(t, func(w http.ResponseWriter, r *http.Request) {
				if n++; n%3 != 0 { // two attempts in vain, then one that brings a little
					vain++
					panic(http.ErrAbortHandler)
				}
				r.Header.Set("Range", firstOf(r, 20_000, len(data)))
				give(w, r, `"1"`, data)
			}))
			opts.Tries = 3
			sink := &memory{}
			_, err := fetch.New(opts).
				Fetch(t.Context(), fetch.Source{URL: address, Size: int64(len(data))}, sink)
			require.NoError(t, err)
			require.Equal(t, data, sink.data)
			require.GreaterOrEqual(t, vain, 48)
		})
	})
	t.Run("the same bytes again and again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := 0
			opts := options(serve(t, func(w http.ResponseWriter, _ *http.Request) {
				n++
				// Servers behind a balancer that name the same file differently.
				w.Header().Set("ETag", strconv.Quote(strconv.Itoa(n)))
				w.Header().Set("Content-Length", strconv.Itoa(len(data)))
				_, _ = w.Write(data[:100_000])
				hangUp(w)
			}))
			_, err := fetch.New(opts).
				Fetch(t.Context(), fetch.Source{URL: address, Size: int64(len(data))}, &memory{})
			var gaveUp *fetch.GaveUpError
			require.ErrorAs(t, err, &gaveUp)
			require.Equal(t, 11, n, "one that brought something, ten that did not")
		})
	})
}

// firstOf is the range of the next n bytes that the client is missing.
func firstOf(r *http.Request, n, size int) string {
	from := 0
	if text := r.Header.Get("Range"); text != "" {
		from, _ = strconv.Atoi(text[len("bytes=") : len(text)-1])
	}
	return "bytes=" + strconv.Itoa(from) + "-" + strconv.Itoa(min(from+n, size)-1)
}

func TestWaits(t *testing.T) {
	retry := func(after string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", after)
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}
	for _, c := range []struct {
		name       string
		server     http.HandlerFunc
		from, upTo time.Duration // of every wait
	}{
		{"grow up to RetryDelay", status(500), 0, 10 * time.Second},
		{"Retry-After", retry("100"), 100 * time.Second, 110 * time.Second},
		{"Retry-After as a date", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", time.Now().Add(100*time.Second).UTC().Format(http.TimeFormat))
			w.WriteHeader(http.StatusTooManyRequests)
		}, 99 * time.Second, 110 * time.Second},
		{"Retry-After in a year", retry("31536000"), 15 * time.Minute, 15*time.Minute + 10*time.Second},
		{"Retry-After in the past", retry("Fri, 01 Jan 1999 00:00:00 GMT"), 0, 10 * time.Second},
		{"Retry-After is nonsense", retry("-5"), 0, 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts := options(serve(t, c.server))
				opts.RetryDelay = 10 * time.Second
				var waits []time.Duration
				opts.OnRetry = func(_ error, wait time.Duration) { waits = append(waits, wait) }
				_, err := fetch.New(opts).Fetch(t.Context(), fetch.Source{URL: address}, &memory{})
				require.Error(t, err)
				require.Len(t, waits, 9)
				for i, wait := range waits {
					require.GreaterOrEqual(t, wait, c.from)
					require.Less(t, wait, min(c.upTo, c.from+time.Second<<(i+1)+time.Second))
				}
			})
		})
	}
}
