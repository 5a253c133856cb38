package fetch_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware/fetch"
)

// No error shows the secrets of a URL.
func TestSecretsStayHidden(t *testing.T) {
	locate := func(location string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusFound)
		}
	}
	talkative := &http.Client{Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("get %q as %v: no route", r.URL, r.Header["Authorization"])
	})}
	for name, c := range map[string]struct {
		url    string
		server http.HandlerFunc
		client *http.Client
	}{
		"not a URL":            {url: "http://user:s3cret@host:port/?s3cret\x7f"},
		"no host":              {url: "http:///fw?signature=s3cret"},
		"another scheme":       {url: "ftp://user:s3cret@host/fw?signature=s3cret"},
		"refused":              {url: address, server: status(403)},
		"a talkative client":   {url: "http://user:s3cret@host/fw?signature=s3cret", client: talkative},
		"redirect to nonsense": {url: address, server: locate("http://%zz/?s3cret")},
		"redirect to ftp":      {url: address, server: locate("ftp://host/?s3cret")},
		"redirect for ever":    {url: address, server: locate("/again?signature=s3cret")},
		"redirect to nowhere":  {url: address, server: locate("")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if c.server != nil {
					c.client = serve(t, c.server)
				}
				opts := options(c.client)
				opts.OnRetry = func(err error, _ time.Duration) {
					require.NotContains(t, err.Error(), "s3cret")
				}
				_, err := fetch.New(opts).Fetch(t.Context(), fetch.Source{URL: c.url}, &memory{})
				require.Error(t, err)
				require.NotContains(t, fmt.Sprintf("%v %+v %s", err, err, err), "s3cret")
				require.NotContains(t, err.Error(), "signature")
			})
		})
	}
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
