package fedecks

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/supervisor"
)

// What callers see of the protocol.
type (
	// Event is what happened; see the constants.
	Event = fedecks.Event
	// EventKind names an event.
	EventKind = fedecks.EventKind
	// Status is where a client stands.
	Status = fedecks.Status
)

// The events.
const (
	EventUnregistered        = fedecks.EventUnregistered
	EventConnectionScheduled = fedecks.EventConnectionScheduled
	EventConnecting          = fedecks.EventConnecting
	EventConnected           = fedecks.EventConnected
	EventConnectionLost      = fedecks.EventConnectionLost
	EventConnectionFailed    = fedecks.EventConnectionFailed
	EventUpgradeFailed       = fedecks.EventUpgradeFailed
	EventConnectionError     = fedecks.EventConnectionError
	EventMessage             = fedecks.EventMessage
	EventDropped             = fedecks.EventDropped
	EventTokenTrouble        = fedecks.EventTokenTrouble
)

// The states.
const (
	Idle         = fedecks.Idle
	Unregistered = fedecks.Unregistered
	Scheduled    = fedecks.Scheduled
	Connecting   = fedecks.Connecting
	Connected    = fedecks.Connected
	Stopped      = fedecks.Stopped
)

// Config of a client. Zero fields mean the value given with them.
type Config struct {
	Name      string // first part of the actors' paths; "fedecks-client"
	URL       string // of the server, with its path; ws or wss; needed
	DeviceID  string // 1 to 125 octets; needed
	TokenFile string // its directory is made if need be; empty: the token is kept in memory only
	Times     Times
	// messages that may wait for a connection; zero: Send fails while there is none
	Queue int
	Codec fedecks.Codec // which atoms the server may send
	// OnEvent is told everything, one call at a time and in order; Subscribe adds more. While it
	// blocks up to 1,024 events wait, then the oldest are dropped, which an EventDropped with
	// ErrEventsLost says. It may call the client, but for Stop and Wait, which wait for it.
	OnEvent func(Event)
	Dialer  transport.Dialer // nil: a *transport.WebSocket with the system's roots
	Logger  zerolog.Logger
	System  *supervisor.System // to live in; nil: an own one
	Seed    uint64             // of the jitter; zero: a random one
}

// Times of a client. Zero means the value given with the field.
type Times struct {
	ConnectDelay time.Duration // the first attempt after a start comes within this; 10 s
	BackoffMin   time.Duration // least wait before an attempt after a failure; 1 s
	BackoffMax   time.Duration // greatest; 60 s
	Ping         time.Duration // between pings; 19 s
	Pong         time.Duration // how long a pong may take, at most Ping; 10 s
	Handshake    time.Duration // how long an attempt may take; 30 s
}

// maxMessage is what the default dialer takes and sends: both ends of the original have no limit,
// and 8 MiB are known to be used.
const maxMessage = 16 << 20

func (c Config) withDefaults() (Config, *url.URL, error) {
	c.Name = cmp.Or(c.Name, "fedecks-client")
	u, err := fedecks.ParseURL(c.URL)
	err = errors.Join(err, fedecks.CheckDeviceID(c.DeviceID))
	if c.Queue < 0 {
		err = errors.Join(err, errors.New("queue must not be negative"))
	}
	for _, d := range []time.Duration{
		c.Times.ConnectDelay, c.Times.BackoffMin, c.Times.BackoffMax,
		c.Times.Ping, c.Times.Pong, c.Times.Handshake,
	} {
		if d < 0 {
			err = errors.Join(err, errors.New("times must not be negative"))
			break
		}
	}
	if err != nil {
		return c, nil, fmt.Errorf("fedecks client: %w", err)
	}
	c.Times.Handshake = cmp.Or(c.Times.Handshake, 30*time.Second)
	if c.Dialer == nil {
		c.Dialer = &transport.WebSocket{Limits: transport.Limits{Message: maxMessage}}
	}
	return c, u, nil
}

func (c *Config) core() fedecks.ClientConfig {
	t := c.Times
	return fedecks.ClientConfig{
		DeviceID: c.DeviceID, ConnectDelay: t.ConnectDelay,
		Backoff: [2]time.Duration{t.BackoffMin, t.BackoffMax},
		Ping:    t.Ping, Pong: t.Pong, Handshake: t.Handshake, Queue: c.Queue, Codec: c.Codec,
	}
}
