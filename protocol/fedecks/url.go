package fedecks

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// ParseURL reads the URL of a server: ws or wss, a host, and a path or "/". It drops query,
// fragment and user information, which the protocol does not have, and adds the default port.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // the outer error repeats the text, which can contain a password
		}
		return nil, fmt.Errorf("address of the server: %w", err)
	}
	defaults := map[string]string{"ws": "80", "wss": "443"}
	scheme := strings.ToLower(u.Scheme)
	port := u.Port()
	switch {
	case defaults[scheme] == "":
		return nil, fmt.Errorf("address of the server: scheme %q is not ws or wss", u.Scheme)
	case u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("address of the server: it has no host")
	case strings.ContainsAny(u.Path, " ") && !strings.Contains(text, "%20"), !ascii(u.Host):
		return nil, errors.New("address of the server: spaces and letters beyond ASCII must be escaped")
	case strings.HasSuffix(u.Host, ":"):
		return nil, errors.New("address of the server: a colon but no port")
	case port == "":
		port = defaults[scheme]
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return nil, fmt.Errorf("address of the server: port %d is above 65535", n)
	}
	host := u.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	out := &url.URL{Scheme: scheme, Host: host + ":" + port, Path: u.Path, RawPath: u.RawPath}
	if out.Path == "" {
		out.Path = "/"
	}
	return out, nil
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
