package actors

import (
	"cmp"
	"context"
	"net"
	"net/url"
)

// HasRoute is a NetworkProbe: the target's name resolves and the system has a route to its address.
// It sends nothing to the target.
func HasRoute(ctx context.Context, target *url.URL) error {
	var d net.Dialer
	address := net.JoinHostPort(target.Hostname(), cmp.Or(target.Port(), "9"))
	conn, err := d.DialContext(ctx, "udp", address) // a UDP "connection" sends nothing
	if err != nil {
		return err
	}
	return conn.Close()
}
