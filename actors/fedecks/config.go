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

// The types of protocol/fedecks that callers of a client need.
type (
	// Event is one thing that happened to a client.
	Event = fedecks.Event
	// EventKind names the kind of an Event.
	EventKind = fedecks.EventKind
	// Status is the state of a client.
	Status = fedecks.Status
)

// The kinds of events; package protocol/fedecks describes each.
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

// The states of a client; package protocol/fedecks describes each.
const (
	Idle         = fedecks.Idle
	Unregistered = fedecks.Unregistered
	Scheduled    = fedecks.Scheduled
	Connecting   = fedecks.Connecting
	Connected    = fedecks.Connected
	Stopped      = fedecks.Stopped
)

// Config configures a client. A zero field means the value given with it.
type Config struct {
	Name      string // first part of the actors' paths; "fedecks-client"
	URL       string // of the server, with its path; ws or wss; needed
	DeviceID  string // 1 to 125 octets; needed
	TokenFile string // made with its directory if missing; empty: the token is kept in memory
	Times     Times
	// messages that may wait for a connection; zero: Send fails without a connection
	Queue int
	Codec fedecks.Codec // which atoms the server may send
	// OnEvent is called for every event, one at a time and in order; Subscribe adds more callbacks.
	// While it blocks, up to 1,024 events wait; then the oldest are dropped, and an EventDropped with
	// ErrEventsLost reports it. It may call all methods of the client except Stop, Wait and Run, which
	// wait for it.
	OnEvent func(Event)
	Dialer  transport.Dialer // nil: a *transport.WebSocket with the system's roots
	Logger  zerolog.Logger
	System  *supervisor.System // in which the actors live; nil: a System of the client
	Seed    uint64             // of the jitter; zero: a random one
}

// Times are the times of a client. A zero field means the value given with it.
type Times struct {
	ConnectDelay time.Duration // the first attempt after a start comes within it; 10 s
	BackoffMin   time.Duration // shortest wait after a failed attempt; 1 s
	BackoffMax   time.Duration // longest wait after failed attempts; 60 s
	Ping         time.Duration // between pings; 19 s
	Pong         time.Duration // how long a pong may take, at most Ping; 10 s
	Handshake    time.Duration // how long an attempt may take; 30 s
}

// maxMessage is the largest message of the default dialer. The original has no limit at either end,
// and messages of 8 MiB are known. The number is ours.
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
