package hubtest

import (
	"strings"
	"sync/atomic"

	"github.com/hublink-go/hublink/protocol"
)

// Stats counts what has happened since the start.
type Stats struct {
	Online   int // joined device channels, now
	Upgrades int // sockets that were let in
	Refused  int // upgrade requests that were not answered with 101
	Joins    int // of the device channel
	Crashes  int // of channels
	Errors   int // frames that could not be decoded
	Kicked   int // sockets that another one of the same device has replaced
	Idle     int // sockets closed for silence

	Sent     int // messages to devices
	Received Received
	Firmware ServeStats
}

// Received counts the messages of devices by kind.
type Received struct {
	Heartbeats, Joins, Leaves, Statuses, Progress, Extensions, Other int
}

// ServeStats counts downloads.
type ServeStats struct {
	Requests int
	Bytes    int64 // of bodies
}

// kind of a message, for counting.
type kind uint8

const (
	kindHeartbeat kind = iota
	kindJoin
	kindLeave
	kindStatus
	kindProgress
	kindExtension
	kindOther
	kinds
)

func kindOf(m protocol.Message) kind {
	switch m.Event {
	case protocol.EventHeartbeat:
		return kindHeartbeat
	case protocol.EventJoin:
		return kindJoin
	case protocol.EventLeave:
		return kindLeave
	case "status_update":
		return kindStatus
	case "fwup_progress", "update_progress":
		return kindProgress
	}
	if m.Topic == topicExtensions && strings.Contains(m.Event, ":") {
		return kindExtension
	}
	return kindOther
}

// counters are the counts of Stats. They are atomic, for tens of thousands of devices.
type counters struct {
	online                                                  counter
	upgrades, refused, joins, crashes, errors, kicked, idle atomic.Int64
	sent                                                    atomic.Int64
	received                                                [kinds]atomic.Int64
	requests, bytes                                         atomic.Int64
}

// Stats returns the counts; it is cheap.
func (h *Hub) Stats() Stats {
	c := &h.stats
	n := func(k kind) int { return int(c.received[k].Load()) }
	return Stats{
		Online: int(c.online.n.Load()), Upgrades: int(c.upgrades.Load()), Refused: int(c.refused.Load()),
		Joins: int(c.joins.Load()), Crashes: int(c.crashes.Load()), Errors: int(c.errors.Load()),
		Kicked: int(c.kicked.Load()), Idle: int(c.idle.Load()), Sent: int(c.sent.Load()),
		Received: Received{
			Heartbeats: n(kindHeartbeat), Joins: n(kindJoin), Leaves: n(kindLeave), Statuses: n(kindStatus),
			Progress: n(kindProgress), Extensions: n(kindExtension), Other: n(kindOther),
		},
		Firmware: ServeStats{Requests: int(c.requests.Load()), Bytes: c.bytes.Load()},
	}
}
