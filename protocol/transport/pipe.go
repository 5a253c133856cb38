package transport

import (
	"net"

	"github.com/hublink-go/hublink/protocol/transport/internal/duplex"
)

// PipeOptions configure a pair of links in memory. The zero value has the limits of a socket and no
// faults.
type PipeOptions struct {
	Client, Server Limits
	Deflate        *Deflate // nil means no compression
	// WrapClient and WrapServer wrap the stream of a link, for faults, delays or counters. Nil means
	// none.
	WrapClient, WrapServer func(net.Conn) net.Conn
}

// Pipe returns the two ends of a link in memory. It sends the same bytes as a link on a socket, has
// a buffer of 64 KiB in each direction, supports half-close and reset, and works under virtual time
// (testing/synctest).
func Pipe(o PipeOptions) (client, server Conn) {
	return pipe(o, "device", "hub")
}

func pipe(o PipeOptions, clientName, serverName string) (client, server Conn) {
	a, b := duplex.New(clientName, serverName)
	return pipeEnd(
			a,
			o.WrapClient,
			RoleClient,
			o.Client,
			o.Deflate,
		), pipeEnd(
			b,
			o.WrapServer,
			RoleServer,
			o.Server,
			o.Deflate,
		)
}

func pipeEnd(nc net.Conn, wrap func(net.Conn) net.Conn, role Role, l Limits, d *Deflate) Conn {
	if wrap == nil {
		return newConn(nc, role, l, nil, d, firstInPipe)
	}
	return newConn(wrap(nc), role, l, nil, d, firstSize)
}
