package link

import (
	"context"
	"net/url"
	"strings"
	"time"
)

// A machine that has just booted has no network yet. Its first dials would fail, and the wait after
// the last of them would go on when the network is there; so the first dial waits, for a limited
// time: a probe may be wrong, a dial is the truth.
const (
	probeEvery = time.Second
	probeTime  = 2 * time.Second // of one probe of one URL
	probeLimit = time.Minute     // of all
)

// awaitNetwork returns when there is a way to the hub, when the limit has passed, or when ctx ends.
// It waits once for a device.
func (c *connection) awaitNetwork(ctx context.Context) {
	h := c.door.Hub
	if h.Network == nil || h.awaited.Load() {
		return
	}
	start, first := time.Now(), true
	for ; ; first = false {
		err := h.probe(ctx)
		if err == nil || ctx.Err() != nil || time.Since(start) >= probeLimit {
			break
		}
		c.door.Board.Problem("waiting for the network: " + err.Error())
		if first {
			c.log.Info().Err(err).Dur("at_most_ms", probeLimit).Msg("no network yet; waiting for it")
		}
		select {
		case <-time.After(probeEvery):
		case <-ctx.Done():
		}
	}
	if ctx.Err() == nil {
		h.awaited.Store(true)
	}
	if !first {
		c.door.Board.Problem("")
	}
}

// probe looks for a way to any of the hub's URLs.
func (h *Hub) probe(ctx context.Context) (err error) {
	for _, u := range h.route.all {
		ctx, cancel := context.WithTimeout(ctx, probeTime)
		err = h.Network(ctx, h.via(u))
		cancel()
		if err == nil {
			return nil
		}
	}
	return err
}

// via returns the URL of the peer that is dialled for u: the proxy, or the hub.
func (h *Hub) via(u *url.URL) *url.URL {
	if h.Proxy == nil {
		return u
	}
	target := *u
	target.Scheme = "http" + strings.TrimPrefix(u.Scheme, "ws")
	if proxy, err := h.Proxy(&target); err == nil && proxy != nil {
		return proxy
	}
	return u // the dial reports the error
}
