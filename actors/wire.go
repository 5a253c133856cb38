package actors

import (
	"context"
	"crypto/tls"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/client"
	"github.com/hublink-go/hublink/actors/internal/link"
	"github.com/hublink-go/hublink/actors/internal/update"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/fetch"
	"github.com/hublink-go/hublink/protocol/transport"
)

const (
	// agentName is how the agent names itself to the hub's servers.
	agentName = "hublink"
	// clientDeadline is how long a callback may take when the config does not say.
	clientDeadline = 30 * time.Second
)

// newHub makes the edge to the hub.
func newHub(cfg *Config, clock *link.Clock) *link.Hub {
	h := &link.Hub{
		Dialer: cfg.Hub.Dialer, Network: cfg.Hub.Network, Proxy: cfg.Hub.Proxy, Clock: clock,
	}
	if cfg.Hub.Secret != nil {
		secret := cfg.secret()
		h.Secret = &secret
	}
	if h.Dialer == nil {
		h.Dialer = newDialer(&cfg.Hub, clock)
	}
	return h
}

// newDialer makes the dialer that talks to a real hub.
func newDialer(hub *Hub, clock *link.Clock) transport.Dialer {
	ws := &transport.WebSocket{
		TLS: hub.TLS, Certificate: hub.Certificate, UserAgent: agentName,
		Time: clock.Now, Compress: transport.Together, Proxy: hub.Proxy,
	}
	if hub.NoCompress {
		ws.Compress = transport.Uncompressed
	}
	return ws
}

// newClock begins with the best known time: the system's, or the latest that is known to have
// passed.
func newClock(store ClockStore, log *zerolog.Logger) *link.Clock {
	clock := &link.Clock{}
	var stored time.Time
	if store != nil {
		var err error
		if stored, err = store.LoadTime(); err != nil {
			log.Warn().Err(err).Msg("the stored time cannot be read; going on without it")
		}
		clock.Store = store.SaveTime
	}
	clock.Start(stored)
	return clock
}

// newDownloads makes the edge to the servers that hold firmware.
func newDownloads(cfg *Config, clock *link.Clock) update.Downloads {
	own := downloads{http: cfg.Firmware.HTTP, tls: cfg.Hub.TLS, proxy: cfg.Hub.Proxy, clock: clock}
	return update.Downloads{
		Client: own.client, Stall: cfg.Firmware.Stall, RetryDelay: cfg.Firmware.RetryDelay,
	}
}

// downloads makes the HTTP client of a download.
type downloads struct {
	http  *http.Client // the embedder's; nil: an own one for each download
	tls   *tls.Config
	proxy ProxyFunc
	clock *link.Clock
}

// client returns an HTTP client whose connections end with the download, unless the embedder gave
// its own. It trusts what the socket trusts, at the same time.
func (d downloads) client() *http.Client {
	if d.http != nil {
		return d.http
	}
	security := &tls.Config{MinVersion: tls.VersionTLS12}
	if d.tls != nil {
		security = d.tls.Clone()
		security.ServerName = "" // firmware may come from another host
	}
	security.Time = d.clock.Now
	var proxy func(*http.Request) (*url.URL, error)
	if d.proxy != nil {
		proxy = func(r *http.Request) (*url.URL, error) { return d.proxy(r.URL) }
	}
	return &http.Client{Transport: fetch.NewTransport(security, proxy)}
}

// newMachine is the part of the config that the update machine needs.
func newMachine(cfg *Config) firmware.Config {
	deadline := orDefault(cfg.Client.Deadline, clientDeadline)
	return firmware.Config{
		Policy: cfg.Firmware.Policy, ManualCommit: cfg.Firmware.ManualCommit,
		CommitDeadline: cfg.Firmware.CommitDeadline,
		DecideWithin:   deadline + 5*time.Second, RebootWithin: deadline + time.Minute,
	}
}

// newCallbacks are the embedder's callbacks as client calls them.
func newCallbacks(c *Client) client.Callbacks {
	calls := client.Callbacks{
		UpdateAvailable: c.UpdateAvailable, Error: c.Error, Reboot: c.Reboot, Identify: c.Identify,
		Connected: c.Connected, Disconnected: c.Disconnected,
		Deadline: orDefault(c.Deadline, clientDeadline),
	}
	if tell := c.Progress; tell != nil {
		calls.Progress = func(ctx context.Context, uuid, stage string, percent int) {
			tell(ctx, Progress{UUID: uuid, Stage: stage, Percent: percent})
		}
	}
	return calls
}

func orDefault(d, zero time.Duration) time.Duration {
	if d == 0 {
		return zero
	}
	return d
}

// jitter makes sources of jitter: seeded by the config and the device's name, so that a run can be
// repeated and devices that share a seed do not come back in step.
type jitter struct{ seed uint64 }

func newJitter(seed uint64, name string) jitter {
	if seed == 0 {
		seed = rand.Uint64() //nolint:gosec // jitter, not a secret
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // hashes do not fail
	return jitter{seed: seed ^ h.Sum64()}
}

func (j jitter) source(stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(j.seed, stream)) //nolint:gosec // jitter, not a secret
}

// logs makes the loggers of actors.
type logs struct {
	base   zerolog.Logger
	device string
}

// actor returns a logger with the names that every line carries. Actors share a silent one, because
// a fleet in one process has many.
func (l *logs) actor(name string) *zerolog.Logger {
	if l.base.GetLevel() == zerolog.Disabled {
		return &l.base
	}
	log := l.base.With().Str("device", l.device).Str("actor", name).Logger()
	return &log
}
