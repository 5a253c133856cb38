package actors

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/supervisor"
)

const (
	// stopTimeout is what Run gives the tree to stop, over the longest shutdown time of an actor.
	stopTimeout = 20 * time.Second
	// agentName is how the agent names itself to the hub's servers.
	agentName = "hublink"
)

func newDevice(cfg Config) (*Device, error) {
	urls, err := cfg.Hub.urls()
	if err != nil {
		return nil, err
	}
	if cfg.Hub.Secret != nil {
		s := cfg.secret()
		cfg.Hub.Secret = &s
	}
	if cfg.Seed == 0 {
		cfg.Seed = rand.Uint64() //nolint:gosec // jitter, not a secret
	}
	d := &Device{
		cfg:    &cfg,
		name:   cfg.Name,
		route:  route{all: urls},
		dialer: cfg.Hub.Dialer,
		sys:    cfg.System,
	}
	if d.name == "" {
		d.name = "device-" + strings.ReplaceAll(cfg.Identity, "/", "_")
	}
	if d.dialer == nil {
		d.dialer = d.newDialer()
	}
	d.loadClock()
	d.board.s.Identifier = cfg.Identity
	d.board.s.Connection, d.board.s.Since = Disconnected, time.Now()
	return d, nil
}

// newDialer makes the dialer that talks to a real hub.
func (d *Device) newDialer() transport.Dialer {
	ws := &transport.WebSocket{
		TLS: d.cfg.Hub.TLS, Certificate: d.cfg.Hub.Certificate, UserAgent: agentName,
		Time: d.now, Compress: transport.Together, Proxy: d.cfg.Hub.Proxy,
	}
	if d.cfg.Hub.NoCompress {
		ws.Compress = transport.Uncompressed
	}
	return ws
}

// tlsConfig is what downloads trust: what the socket trusts, and the same idea of the time.
func (d *Device) tlsConfig() *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if d.cfg.Hub.TLS != nil {
		cfg = d.cfg.Hub.TLS.Clone()
		cfg.ServerName = "" // firmware may come from another host
	}
	cfg.Time = d.now
	return cfg
}

// newLink is the link of a device that has just started.
func (d *Device) newLink() *link {
	core := protocol.NewSocket(
		protocol.SocketConfig{Heartbeat: d.cfg.Hub.Heartbeat},
		d.rand(uint64(topics)),
	)
	return newLink(core)
}

// system makes sure that there is a system to run under.
func (d *Device) system() error {
	if d.sys != nil {
		return nil
	}
	sys, err := supervisor.NewSystem(
		supervisor.Options{Name: d.name, Logger: d.cfg.Logger, OnEvent: d.supervisorEvent},
	)
	if err != nil {
		return fmt.Errorf("start %s: %w", d.name, err)
	}
	d.sys = sys
	return nil
}

// release ends the system if it is the device's own.
func (d *Device) release(ctx context.Context) error {
	if d.cfg.System != nil || d.sys == nil {
		return nil
	}
	report, err := d.sys.Shutdown(ctx)
	if err != nil {
		return err
	}
	return report.Err()
}

func parseHubURL(raw string) (*url.URL, error) {
	if !strings.Contains(raw, "://") {
		raw = "wss://" + raw
	}
	return url.Parse(raw)
}

// redactURL leaves scheme and host of an address that may carry credentials.
func redactURL(raw string) string {
	u, err := parseHubURL(raw)
	if err != nil {
		return "(unreadable)"
	}
	return u.Scheme + "://" + u.Host
}
