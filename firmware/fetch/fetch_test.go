package fetch_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/fetch"
)

func good(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { give(w, r, `"1"`, data) }
}

// cutAt sends n bytes of the file and hangs up.
func cutAt(data []byte, n int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		_, _ = w.Write(data[:n])
		hangUp(w)
	}
}

// chunked sends bytes without saying how many they will be, and ends as it should.
func chunked(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		_, _ = w.Write(data)
	}
}

// named says which file it is.
func named(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		h(w, r)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func TestRequestHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := file(1000, 1)
		var got []http.Header
		var query string
		note := func(h http.HandlerFunc) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				got, query = append(got, r.Header), r.URL.RawQuery
				h(w, r)
			}
		}
		opts := options(serve(t, answers(note(cutAt(data, 400)), note(status(503)), note(good(data)))))
		opts.UserAgent = "hublink/1.2.3"
		sink := &memory{}
		result, err := fetch.New(opts).Fetch(t.Context(), fetch.Source{URL: address}, sink)
		require.NoError(t, err)
		require.Equal(t, fetch.Result{Size: 1000, Attempts: 3, Validator: `"1"`}, result)
		require.Equal(t, data, sink.data)
		require.Equal(t, "signature=s3cret", query)
		for i, want := range []http.Header{
			{
				"Connection": {"close"}, "Accept-Encoding": {"identity"}, "User-Agent": {"hublink/1.2.3"},
				"X-Retry-Number": {"0"},
			},
			{
				"Connection": {"close"}, "Accept-Encoding": {"identity"}, "User-Agent": {"hublink/1.2.3"},
				"X-Retry-Number": {"1"}, "Range": {"bytes=400-"}, "If-Range": {`"1"`},
			},
			{
				"Connection": {"close"}, "Accept-Encoding": {"identity"}, "User-Agent": {"hublink/1.2.3"},
				"X-Retry-Number": {"2"}, "Range": {"bytes=400-"}, "If-Range": {`"1"`},
			},
		} {
			require.Equal(t, want, got[i], "attempt %d", i)
		}
	})
}

// OnAttempt is called also for an attempt that fails because of its headers.
func TestAttemptsThatTheHeadersEnd(t *testing.T) {
	for name, c := range map[string]struct {
		size  int
		wants []int64 // Attempt.Total
	}{"too long": {1001, []int64{1001}}, "too short": {999, []int64{999, 999}}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts := options(serve(t, good(file(c.size, 2))))
				var totals []int64
				opts.OnAttempt = func(a fetch.Attempt) {
					require.Equal(t, len(totals), a.Number)
					require.Equal(t, http.StatusOK, a.Status)
					totals = append(totals, a.Total)
				}
				_, err := fetch.New(opts).Fetch(t.Context(), fetch.Source{URL: address, Size: 1000}, &memory{})
				require.Error(t, err)
				require.Equal(t, c.wants, totals)
			})
		})
	}
}

// What ends a download at once, and what only in the end.
func TestFinalAnswers(t *testing.T) {
	data := file(1000, 2)
	for _, c := range []struct {
		name     string
		server   http.HandlerFunc
		attempts int
		want     any // pointer to the type
		text     string
	}{
		{"400", status(400), 1, new(*fetch.StatusError), "400 Bad Request"},
		{"401", status(401), 1, new(*fetch.StatusError), "expired"},
		{"403", status(403), 1, new(*fetch.StatusError), "expired"},
		{"404", status(404), 1, new(*fetch.StatusError), "expired"},
		{"410", status(410), 1, new(*fetch.StatusError), "expired"},
		{"204", status(204), 1, new(*fetch.StatusError), "204 No Content"},
		{"304", status(304), 1, new(*fetch.StatusError), "304"},
		{"416 though no range was asked for", status(416), 1, new(*fetch.StatusError), "416"},
		{"408", status(408), 10, new(*fetch.GaveUpError), "408"},
		{"429", status(429), 10, new(*fetch.GaveUpError), "429"},
		{"500", status(500), 10, new(*fetch.GaveUpError), "500"},
		{"503", status(503), 10, new(*fetch.StatusError), "503"},
		{
			"nothing but cuts", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 10,
			new(*fetch.GaveUpError), "EOF",
		},
		{
			"nothing but silence", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 10,
			new(*fetch.StallError), "1m0s",
		},
		{"longer than announced", good(file(1001, 2)), 1, new(*firmware.ExcessError), "longer"},
		{
			"longer than announced, which the server does not say", chunked(file(1001, 2)), 1,
			new(*firmware.ExcessError), "longer",
		},
		{"shorter than announced", good(data[:999]), 2, new(*firmware.ShortError), "999 bytes"},
		{
			"shorter than announced, which the server does not say", chunked(data[:999]), 2,
			new(*firmware.ShortError), "999 bytes",
		},
		{"empty", good(nil), 2, new(*firmware.ShortError), "0 bytes"},
		{"another encoding", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(data)
			_ = z.Close()
		}, 1, new(*fetch.EncodingError), `"gzip"`},
		{"always the wrong range", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 7-9/1000")
			w.WriteHeader(http.StatusPartialContent)
		}, 10, new(*fetch.RangeError), "7-9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink := &memory{}
				result, err := fetch.New(options(serve(t, c.server))).
					Fetch(t.Context(), fetch.Source{URL: address, Size: 1000}, sink)
				require.ErrorAs(t, err, c.want)
				require.ErrorContains(t, err, c.text)
				require.ErrorContains(t, err, "download from cdn.example: ")
				require.Equal(t, c.attempts, result.Attempts)
				require.NotContains(t, err.Error(), "s3cret")
				require.LessOrEqual(t, len(sink.data), 1000)
			})
		})
	}
}

func TestLimitWithoutSize(t *testing.T) {
	endless := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	}
	for name, c := range map[string]struct {
		server http.HandlerFunc
		limit  int64
		ok     bool
	}{
		"as much as allowed": {chunked(file(5000, 1)), 5000, true},
		"one byte more":      {chunked(file(5001, 1)), 5000, false},
		"said beforehand":    {good(file(5001, 1)), 5000, false},
		"endless":            {endless, 100_000, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink := &memory{}
				_, err := fetch.New(options(serve(t, c.server))).
					Fetch(t.Context(), fetch.Source{URL: address, Limit: c.limit}, sink)
				var tooLarge *firmware.TooLargeError
				if c.ok {
					require.NoError(t, err)
				} else {
					require.ErrorAs(t, err, &tooLarge)
				}
				require.LessOrEqual(t, int64(len(sink.data)), c.limit)
			})
		})
	}
	_, err := fetch.New(fetch.Options{}).
		Fetch(t.Context(), fetch.Source{URL: address, Size: 10, Limit: 9}, &memory{})
	require.EqualError(
		t,
		err,
		"the firmware has 10 bytes, the slot takes 9",
		"before anything is asked for",
	)
}

// A proxy may end an answer too early and say that this was all. The rest is there when it is asked
// for.
func TestShortOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := file(3000, 3)
		sink := &memory{}
		_, err := fetch.New(options(serve(t, answers(named(chunked(data[:1000])), good(data))))).
			Fetch(t.Context(), fetch.Source{URL: address, Size: 3000}, sink)
		require.NoError(t, err)
		require.Equal(t, data, sink.data)
		require.Zero(t, sink.restarts)
	})
}

func TestResumeOfAnEarlierRun(t *testing.T) {
	data := file(5000, 4)
	for _, c := range []struct {
		name      string
		server    http.HandlerFunc
		offset    int
		validator string
		restarts  int
		attempts  int
	}{
		{"the same file", good(data), 2000, `"1"`, 0, 1},
		{"it is not known which", good(data), 2000, "", 0, 1},
		{"another file", good(data), 2000, `"0"`, 1, 1},
		{
			"the server knows no ranges, but the file is the same",
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("ETag", `"1"`)
				_, _ = w.Write(data)
			}, 2000, `"1"`, 0, 1,
		},
		{"the server knows neither ranges nor names", chunked(data), 2000, `"1"`, 1, 1},
		{"the name is a weak one", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `W/"1"`)
			_, _ = w.Write(data)
		}, 2000, `W/"1"`, 1, 1},
		{"nothing is missing", status(500), 5000, `"1"`, 0, 0},
		{"more than there is", func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("If-Range")
			give(w, r, `"1"`, data)
		}, 6000, `"1"`, 1, 2},
	} {
		for _, size := range []int64{5000, 0} {
			if size == 0 && c.attempts == 0 || size > 0 && c.offset > 5000 {
				continue
			}
			t.Run(fmt.Sprint(c.name, " ", size), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					sink := &memory{data: bytes.Clone(data[:min(c.offset, 5000)])}
					src := fetch.Source{URL: address, Size: size, Offset: int64(c.offset), Validator: c.validator}
					result, err := fetch.New(options(serve(t, c.server))).Fetch(t.Context(), src, sink)
					require.NoError(t, err)
					require.True(t, bytes.Equal(data, sink.data))
					require.Equal(t, c.restarts, sink.restarts)
					require.Equal(t, c.attempts, result.Attempts)
				})
			})
		}
	}
}

// A complete file of unknown size was on disk already: 416 says so.
func TestBeyondTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := file(5000, 5)
		sink := &memory{data: data}
		result, err := fetch.New(options(serve(t, good(data)))).
			Fetch(t.Context(), fetch.Source{URL: address, Offset: 5000}, sink)
		require.NoError(t, err)
		require.Equal(t, fetch.Result{Size: 5000, Attempts: 1}, result)
		require.Zero(t, sink.restarts)
	})
}

func TestErrorsOfTheSink(t *testing.T) {
	full := errors.New("no space left on device")
	for name, server := range map[string]http.HandlerFunc{
		"write":   good(file(100, 1)),
		"restart": chunked(file(100, 1)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, err := fetch.New(options(serve(t, server))).
					Fetch(t.Context(), fetch.Source{URL: address, Offset: 50, Validator: `"1"`}, brokenSink{full})
				require.Equal(t, full, err, "as it is, and not tried again")
			})
		})
	}
}

type brokenSink struct{ err error }

func (s brokenSink) Write(context.Context, []byte) error { return s.err }
func (s brokenSink) Restart(context.Context) error       { return s.err }

func TestCancel(t *testing.T) {
	for name, server := range map[string]http.HandlerFunc{
		"before the answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"in the file":       func(w http.ResponseWriter, r *http.Request) { silent(w, r) },
		"between attempts":  answers(status(503)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts := options(serve(t, server))
				start := time.Now()
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(2*time.Second, cancel)
				_, err := fetch.New(opts).Fetch(ctx, fetch.Source{URL: address}, &memory{})
				require.ErrorIs(t, err, context.Canceled)
				require.Equal(t, 2*time.Second, time.Since(start), "at once")
			})
		})
	}
}
