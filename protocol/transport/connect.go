package transport

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"time"
)

// headStart is the time between the dials of two addresses (RFC 8305 section 5).
const headStart = 250 * time.Millisecond

// open returns a byte stream to the target without a proxy.
func (d *WebSocket) open(ctx context.Context, t *target) (net.Conn, error) {
	resolveTime, connectTime := cmp.Or(
		d.Timeouts.Resolve,
		5*time.Second,
	), cmp.Or(
		d.Timeouts.Connect,
		10*time.Second,
	)
	if d.NetDial != nil {
		ctx, cancel := context.WithTimeout(ctx, resolveTime+connectTime)
		defer cancel()
		nc, err := d.NetDial(ctx, "tcp", t.addr)
		if err != nil {
			return nil, t.fail(PhaseConnect, orContext(ctx, err))
		}
		return nc, nil
	}
	addrs, err := resolve(ctx, t, resolveTime)
	if err != nil {
		return nil, t.fail(PhaseResolve, err)
	}
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	nc, err := race(ctx, addrs, func(ctx context.Context, addr string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	})
	if err != nil {
		return nil, t.fail(PhaseConnect, orContext(ctx, err))
	}
	return nc, nil
}

// orContext returns the caller's cancellation in place of the error that it caused.
func orContext(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause == context.Canceled {
		return cause
	}
	return err
}

// resolve returns the host's addresses, in which the two families alternate (RFC 8305 section 4).
func resolve(ctx context.Context, t *target, timeout time.Duration) ([]string, error) {
	if _, err := netip.ParseAddr(t.host); err == nil {
		return []string{t.addr}, nil
	}
	resolving, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	port, err := net.DefaultResolver.LookupPort(resolving, "tcp", t.port)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(resolving, "ip", t.host)
	if err != nil {
		return nil, orContext(ctx, err)
	}
	var same, other []netip.Addr // family of the first address, which the system prefers
	for _, ip := range ips {
		if ip = ip.Unmap(); ip.Is4() == ips[0].Unmap().Is4() {
			same = append(same, ip)
		} else {
			other = append(other, ip)
		}
	}
	var addrs []string
	for i := range max(len(same), len(other)) {
		for _, family := range [][]netip.Addr{same, other} {
			if i < len(family) {
				addrs = append(
					addrs,
					netip.AddrPortFrom(family[i], uint16(port)).String(),
				) //nolint:gosec // a port
			}
		}
	}
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no addresses", Name: t.host, IsNotFound: true}
	}
	return addrs, nil
}

// dialFunc returns a connection to one address.
type dialFunc func(ctx context.Context, addr string) (net.Conn, error)

// race dials the addresses in order: each one headStart after the address before it, or at once
// when that fails. It returns the first connection. The other goroutines end with the context of
// the race and close their connections.
func race(ctx context.Context, addrs []string, dial dialFunc) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	outcomes := make(chan outcome)
	var (
		first   error
		running int
	)
	for len(addrs) > 0 || running > 0 {
		var next <-chan time.Time
		if len(addrs) > 0 {
			go dialOne(ctx, addrs[0], dial, outcomes)
			addrs, running = addrs[1:], running+1
			next = time.After(headStart)
		}
		select {
		case o := <-outcomes:
			if o.err == nil {
				return o.nc, nil
			}
			running--
			first = cmp.Or(first, o.err)
		case <-next:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return nil, first
}

type outcome struct {
	nc  net.Conn
	err error
}

func dialOne(ctx context.Context, addr string, dial dialFunc, outcomes chan<- outcome) {
	nc, err := dial(ctx, addr)
	select {
	case outcomes <- outcome{nc, err}:
	case <-ctx.Done():
		if err == nil {
			_ = nc.Close()
		}
	}
}
