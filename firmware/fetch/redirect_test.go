package fetch_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware/fetch"
)

func TestRedirects(t *testing.T) {
	data := file(2000, 1)
	for _, code := range []int{301, 302, 303, 307, 308} {
		for hops, ok := range map[int]bool{1: true, 5: true, 6: false} {
			t.Run(fmt.Sprint(code, " ", hops), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := 0
					server := func(w http.ResponseWriter, r *http.Request) {
						require.Empty(t, r.Header.Get("Referer"), "the next host must not learn the signed URL")
						require.Equal(t, "bytes=500-", r.Header.Get("Range"))
						if n < hops {
							n++
							w.Header().Set("Location", fmt.Sprintf("http://mirror%d.example/?key=%d", n, n))
							w.WriteHeader(code)
							return
						}
						require.Equal(t, fmt.Sprintf("mirror%d.example", n), r.Host)
						give(w, r, `"1"`, data)
					}
					sink := &memory{data: bytes.Clone(data[:500])}
					_, err := fetch.New(options(serve(t, server))).
						Fetch(t.Context(), fetch.Source{URL: address, Offset: 500}, sink)
					if !ok {
						require.EqualError(t, err, "download from cdn.example: redirect: more than 5 in a row")
						return
					}
					require.NoError(t, err)
					require.Equal(t, data, sink.data)
				})
			})
		}
	}
}

// Where a redirect leads may be signed for minutes only: the next attempt asks the hub's address
// again.
func TestRetryFromTheOriginalURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := file(2000, 1)
		var asked []string
		n := 0
		server := func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.Host+r.URL.Path)
			switch {
			case r.Host == "cdn.example":
				n++
				w.Header().Set("Location", fmt.Sprintf("//mirror%d.example/x", n))
				w.WriteHeader(http.StatusFound)
			case n == 1:
				cutAt(data, 700)(w, r)
			default:
				give(w, r, `"1"`, data)
			}
		}
		sink := &memory{}
		_, err := fetch.New(options(serve(t, server))).
			Fetch(t.Context(), fetch.Source{URL: address}, sink)
		require.NoError(t, err)
		require.Equal(t, data, sink.data)
		require.Zero(t, sink.restarts)
		require.Equal(
			t,
			[]string{"cdn.example/fw.bin", "mirror1.example/x", "cdn.example/fw.bin", "mirror2.example/x"},
			asked,
		)
	})
}

func TestNeverFromHTTPSToHTTP(t *testing.T) {
	asked := 0
	client := &http.Client{Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
		asked++
		return &http.Response{
			StatusCode: http.StatusFound, Header: http.Header{"Location": {"http://" + r.Host + "/fw"}},
			Body: io.NopCloser(&bytes.Buffer{}),
		}, nil
	})}
	_, err := fetch.New(options(client)).
		Fetch(t.Context(), fetch.Source{URL: "https://cdn.example/fw"}, &memory{})
	var redirect *fetch.RedirectError
	require.ErrorAs(t, err, &redirect)
	require.ErrorContains(t, err, "from https to http")
	require.Equal(t, 1, asked)
}
