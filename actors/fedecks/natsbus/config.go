package natsbus

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/fedecks/server"
)

// Config configures a bus. A zero field means the value given with it. The zero Config is a server
// inside this process that no other process can reach.
type Config struct {
	// name of the cluster, up to 64 letters, digits, - and _; nodes of other clusters are not heard;
	// "fedecks"
	Name string
	// URL has the addresses of external servers, nats://, tls://, ws:// or wss://, with commas between
	// them. They may contain credentials. Empty: a server inside this process.
	URL         string
	Credentials string // file with credentials for the external servers, as nsc writes it; none
	// Listen is the host and port for other embedded servers; port 0 means any free one. Empty: the
	// server does not listen.
	Listen string
	// hosts and ports of some of the other embedded servers, tried until they answer; the own address
	// may be among them
	Routes []string
	Secret string // shared by the embedded servers
	// TLS to external servers, or between embedded ones; those need a certificate for both roles; none
	TLS *tls.Config
	// MaxMessage is the largest message of an embedded server in bytes, the same on all, from 64 KiB
	// to 64 MiB; 8 MiB
	MaxMessage int
	Logger     zerolog.Logger
}

const (
	leastBytes = 64 << 10 // a part of the state of a node has to fit
	mostBytes  = 64 << 20
)

// Validate returns all errors of the configuration at once. Open calls it.
func (c Config) Validate() error {
	_, err := c.withDefaults()
	return err
}

func (c Config) withDefaults() (Config, error) {
	c.Name = cmp.Or(c.Name, "fedecks")
	c.MaxMessage = cmp.Or(c.MaxMessage, 8<<20)
	var errs []error
	check := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(!server.ValidNode(c.Name), "name %q: up to 64 letters, digits, - and _", c.Name)
	check(
		c.URL != "" && (c.Listen != "" || len(c.Routes) > 0),
		"either an URL of external servers, or Listen and Routes of embedded ones",
	)
	check(
		c.URL == "" && c.Credentials != "",
		"credentials are for external servers, but there is no URL",
	)
	check(c.Listen == "" && len(c.Routes) > 0, "Routes carry connections both ways, so they need Listen")
	check(
		c.MaxMessage < leastBytes || c.MaxMessage > mostBytes,
		"MaxMessage %d: from %d to %d",
		c.MaxMessage,
		leastBytes,
		mostBytes,
	)
	if c.URL != "" {
		errs = append(errs, checkURLs(c.URL))
	}
	if c.Listen != "" {
		host, _, err := hostPort(c.Listen)
		if err != nil {
			errs = append(errs, fmt.Errorf("listen: %w", err))
		}
		open := c.Secret == "" && (c.TLS == nil || c.TLS.ClientAuth != tls.RequireAndVerifyClientCert)
		check(
			open && !loopback(host),
			"listen on %s: any process that reaches it can push to every device; "+
				"set a Secret, or TLS that verifies client certificates",
			c.Listen,
		)
	}
	for _, r := range c.Routes {
		if _, _, err := hostPort(r); err != nil {
			errs = append(errs, fmt.Errorf("route: %w", err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return c, fmt.Errorf("nats bus: %w", err)
	}
	return c, nil
}

// checkURLs returns an error for a bad URL. The error does not show credentials.
func checkURLs(all string) error {
	for i, one := range strings.Split(all, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil {
			return fmt.Errorf("URL %d cannot be parsed; it is not shown because it may hold a password", i+1)
		}
		if u.Host == "" ||
			u.Scheme != "nats" && u.Scheme != "tls" && u.Scheme != "ws" && u.Scheme != "wss" {
			return fmt.Errorf("URL %d is %s://..., want nats://host:port or tls, ws, wss", i+1, u.Scheme)
		}
	}
	return nil
}

func hostPort(addr string) (host string, port int, err error) {
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not host:port", addr)
	}
	number, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q has no port between 0 and 65535", addr)
	}
	return host, int(number), nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
