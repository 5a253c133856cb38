package fetch

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

const maxRedirects = 5

// request requests the bytes from pos on. It follows redirects itself, because net/http would send
// the signed URL to the next host (Referer).
func (r *run) request(ctx context.Context) (*http.Response, error) {
	u := r.url
	for hop := 0; ; hop++ {
		resp, err := r.ask(ctx, u)
		if err != nil {
			return nil, redact(err, u)
		}
		switch resp.StatusCode {
		case http.StatusMovedPermanently,
			http.StatusFound,
			http.StatusSeeOther,
			http.StatusTemporaryRedirect,
			http.StatusPermanentRedirect:
		default:
			return resp, nil
		}
		_ = resp.Body.Close()
		if hop == maxRedirects {
			return nil, &RedirectError{Reason: fmt.Sprintf("more than %d in a row", maxRedirects)}
		}
		if u, err = follow(u, resp.Header.Get("Location")); err != nil {
			return nil, err
		}
	}
}

// follow resolves a redirect. Its errors do not quote the address, because it may be signed.
func follow(from *url.URL, location string) (*url.URL, error) {
	to, err := from.Parse(location)
	switch {
	case location == "" || err != nil || to.Hostname() == "" || to.Scheme != "http" &&
		to.Scheme != "https":
		return nil, &RedirectError{Reason: "to an address that is neither http nor https"}
	case from.Scheme == "https" && to.Scheme != "https":
		return nil, &RedirectError{Reason: "from https to http, where others on the network could read and change the file"}
	}
	return to, nil
}

// ask makes one request, on a new connection: a connection that stalled may stall again, and none
// stays idle after the download.
func (r *run) ask(ctx context.Context, u *url.URL) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Close = true
	req.Header.Set("User-Agent", r.opts.UserAgent)
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("X-Retry-Number", strconv.Itoa(r.number))
	if r.pos > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(r.pos, 10)+"-")
		if v := r.version.condition(); v != "" {
			req.Header.Set("If-Range", v)
		}
	}
	if u.User != nil {
		password, _ := u.User.Password()
		req.SetBasicAuth(u.User.Username(), password)
	}
	return r.rt.RoundTrip(req)
}
