package hubtest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// The limits of a request to the device listener, line ends included (NervesHub: Bandit's).
const (
	maxRequestLine = 10_000
	maxHeaderLine  = 10_000
	maxHeaders     = 50
)

// oversized returns the status of a request that is refused for its size; zero means that its size
// is within the limits.
func oversized(r *http.Request) int {
	const lineEnd = len("\r\n")
	if len(r.Method)+len(" ")+len(r.RequestURI)+len(" ")+len(r.Proto)+lineEnd > maxRequestLine {
		return http.StatusRequestURITooLong
	}
	n := min(1, len(r.Host)) // net/http takes Host out of the headers
	for name, values := range r.Header {
		n += len(values)
		for _, v := range values {
			if len(name)+len(": ")+len(v)+lineEnd > maxHeaderLine {
				return http.StatusRequestHeaderFieldsTooLarge
			}
		}
	}
	if n > maxHeaders {
		return http.StatusRequestHeaderFieldsTooLarge
	}
	return 0
}

// foreign reports whether a page of another site asks. NervesHub compares Origin with its own name;
// here the request's host stands for it.
func foreign(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || !strings.EqualFold(u.Hostname(), (&url.URL{Host: r.Host}).Hostname())
}

// noUpgrade returns the hub's text for a request that cannot be upgraded, to the letter; empty
// means that it can.
func noUpgrade(r *http.Request) string {
	switch {
	case !r.ProtoAtLeast(1, 1):
		return "HTTP version " + r.Proto + " unsupported"
	case r.Host == "":
		return "'host' header is absent"
	}
	for _, must := range []struct{ header, contain string }{
		{"connection", "upgrade"},
		{"upgrade", "websocket"},
	} {
		values := r.Header.Values(must.header)
		if !contains(values, must.contain) {
			return fmt.Sprintf(
				"'%s' header must contain '%s', got %s",
				must.header,
				must.contain,
				inspect(values),
			)
		}
	}
	if len(r.Header.Values("Sec-WebSocket-Key")) == 0 {
		return "'sec-websocket-key' header is absent"
	}
	if v := r.Header.Values("Sec-WebSocket-Version"); len(v) != 1 || v[0] != "13" {
		return "'sec-websocket-version' header must equal '13', got " + inspect(v)
	}
	return ""
}

// contains reports whether a header that is a list has a token.
func contains(values []string, token string) bool {
	for _, line := range values {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

// inspect writes a list of texts as Elixir does.
func inspect(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = fmt.Sprintf("%q", v)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
