package hubtest

import (
	"fmt"
	"slices"
)

// Net acts on the socket of one device; see [Device.Net].
type Net struct{ dev *Device }

// Sockets counts the sockets that were ever accepted: the count stays the same while a device keeps
// its socket.
func (n Net) Sockets() int { return n.dev.Snapshot().Sockets }

// ConnectionTypes returns what the device reported with connection_types, as old clients do.
func (n Net) ConnectionTypes() []string {
	n.dev.mu.Lock()
	defer n.dev.mu.Unlock()
	return slices.Clone(n.dev.state.running.connectionTypes)
}

// Close closes the socket with a code; NervesHub's own "disconnect" closes with 1001.
func (n Net) Close(code int) error {
	l, err := n.link()
	if err == nil {
		l.close(code)
	}
	return err
}

// Kick closes the socket as if the device had connected a second time.
func (n Net) Kick() error { return n.Close(n.dev.hub.rules.kickCode) }

// Drop cuts the socket without a close frame.
func (n Net) Drop() error {
	l, err := n.link()
	if err != nil {
		return err
	}
	return l.conn.Abort()
}

// replaced closes the socket, if there is one, because a newer one takes its place.
func (n Net) replaced() {
	if l, err := n.link(); err == nil && l.close(n.dev.hub.rules.kickCode) {
		n.dev.hub.stats.kicked.Add(1)
	}
}

// link returns the device's socket.
func (n Net) link() (*link, error) {
	n.dev.mu.Lock()
	defer n.dev.mu.Unlock()
	if n.dev.link == nil {
		return nil, fmt.Errorf("device %s: %w", n.dev.id, ErrOffline)
	}
	return n.dev.link, nil
}
