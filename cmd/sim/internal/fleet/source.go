package fleet

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/hublink-go/hublink/protocol/transport"
)

// portsPerAddress is how many connections one source address may have to the hub's one address:
// Linux gives 28,232 by default.
const portsPerAddress = 25_000

// source dials from the address of 127.0.0.0/8 that device i comes from. Nil: from where the system
// likes, as a device does.
func source(i int, security *tls.Config) transport.Dialer {
	block := i / portsPerAddress
	if block == 0 {
		return nil
	}
	d := &net.Dialer{
		Timeout:   10 * time.Second,
		LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(block))},
	}
	return &transport.WebSocket{
		TLS: security,
		NetDial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return d.DialContext(ctx, network, addr)
		},
	}
}
