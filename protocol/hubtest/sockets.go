package hubtest

import (
	"context"
	"time"

	"github.com/hublink-go/hublink/protocol"
)

// Sockets acts on the sockets of all devices; see [Hub.Net].
type Sockets struct{ hub *Hub }

// Close closes all sockets with a code: 1001 for a hub that moves its devices, for instance.
func (s Sockets) Close(code int) {
	for _, l := range s.hub.registry.online() {
		l.close(code)
	}
}

// Drop cuts all sockets without a close frame, as a hub that dies.
func (s Sockets) Drop() {
	for _, l := range s.hub.registry.online() {
		_ = l.conn.Abort()
	}
}

// Drain closes the sockets that exist with 1012, batch after batch, as a node does that is being
// replaced, and those that are left when ctx ends with 1000. NervesHub closes 1000 sockets every
// 4 s, for 30 s. The listener for people (Site.Web) is not drained: Drain closes all its sockets
// with 1000 at once.
func (s Sockets) Drain(ctx context.Context, batch int, every time.Duration) error {
	links := s.hub.registry.online()
	for !s.hub.cfg.Site.Web {
		n := min(max(1, batch), len(links))
		for _, l := range links[:n] {
			l.close(protocol.CloseServiceRestart)
		}
		if links = links[n:]; len(links) == 0 {
			return nil
		}
		select {
		case <-time.After(every):
			continue
		case <-ctx.Done():
		case <-s.hub.registry.done:
		}
		break
	}
	for _, l := range links {
		l.close(protocol.CloseNormal)
	}
	return context.Cause(ctx)
}
