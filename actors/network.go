package actors

import (
	"cmp"
	"context"
	"net"
	"net/url"
	"strings"
	"time"
)

// A machine that has just booted has no network yet. Its first dials would fail, and the wait after
// the last of them would go on when the network has long come; so the first dial waits, but not for
// ever: a probe may be wrong, a dial is the truth.
const (
	probeEvery = time.Second
	probeTime  = 2 * time.Second // of one probe of one URL
	probeLimit = time.Minute     // of all
)

// awaitNetwork returns when there is a way to the hub, when it is no use to wait any longer, or
// when ctx ends. Once a device.
func (c *connection) awaitNetwork(ctx context.Context) {
	if c.dev.cfg.Hub.Network == nil || c.dev.awaited.Load() {
		return
	}
	start, first := time.Now(), true
	for ; ; first = false {
		err := c.dev.probe(ctx)
		if err == nil || ctx.Err() != nil || time.Since(start) >= probeLimit {
			break
		}
		c.dev.board.fail("waiting for the network: " + err.Error())
		if first {
			c.log.Info().Err(err).Dur("at_most_ms", probeLimit).Msg("no network yet, waiting for it")
		}
		select {
		case <-time.After(probeEvery):
		case <-ctx.Done():
		}
	}
	if ctx.Err() == nil {
		c.dev.awaited.Store(true)
	}
	if !first {
		c.dev.board.fail("")
	}
}

// probe asks for a way to any of the hub's URLs.
func (d *Device) probe(ctx context.Context) (err error) {
	for _, u := range d.route.all {
		ctx, cancel := context.WithTimeout(ctx, probeTime)
		err = d.cfg.Hub.Network(ctx, d.via(u))
		cancel()
		if err == nil {
			return nil
		}
	}
	return err
}

// via is who is connected to for u: the proxy, or the hub.
func (d *Device) via(u *url.URL) *url.URL {
	if d.cfg.Hub.Proxy == nil {
		return u
	}
	target := *u
	target.Scheme = "http" + strings.TrimPrefix(u.Scheme, "ws")
	if proxy, err := d.cfg.Hub.Proxy(&target); err == nil && proxy != nil {
		return proxy
	}
	return u // the dial will say what is wrong
}

// HasRoute is a NetworkProbe: the target's name resolves and the system has a route to its address.
// It sends nothing to the target.
func HasRoute(ctx context.Context, target *url.URL) error {
	var d net.Dialer
	conn, err := d.DialContext(
		ctx,
		"udp",
		net.JoinHostPort(target.Hostname(), cmp.Or(target.Port(), "9")),
	) // UDP is not asked
	if err != nil {
		return err
	}
	return conn.Close()
}
