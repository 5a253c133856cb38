package fedecks

import (
	"time"

	"github.com/hublink-go/hublink/protocol/etf"
)

// ClientInput is one event of a client. Kind decides which fields are set. The zero value means
// that time has passed.
type ClientInput struct {
	Kind ClientInputKind
	// Opened, DialFailed, Received, Pong, Lost: the connection's number from DoDial
	Gen         uint64
	Token       string  // Start: the stored token, or ""
	Credentials etf.Map // Login
	Data        []byte  // Received; Pong: the payload; Send: the octets of the message
	Tag         uint64  // Send: the sender's number of the message
	Status      int     // DialFailed: the server's HTTP status; 0 means no answer
	After       time.Duration
	Cause       error // DialFailed, Lost
}

// ClientInputKind names an event of a client.
type ClientInputKind uint8

// The events of a client.
const (
	ClientTick   ClientInputKind = iota // time has passed
	ClientStart                         // begin, with the stored token
	ClientLogin                         // log in with Credentials
	ClientOpened                        // the dial of Gen succeeded
	// the dial of Gen failed: Cause, Status; After is the server's Retry-After
	ClientDialFailed
	ClientReceived  // a binary message arrived
	ClientPong      // a pong arrived
	ClientLost      // the connection of Gen ended
	ClientSend      // send Data
	ClientReconnect // dial again now
	ClientStop      // hang up for good
)

// ClientEffect is one effect that the owner of a client carries out. Kind decides which fields are
// set.
type ClientEffect struct {
	Kind        ClientEffectKind
	Gen         uint64 // Dial, Abandon, Write, Ping, Hangup
	Token       string // Dial: with this token; Store
	Credentials etf.Map
	Data        []byte // Write, Ping
	Tag         uint64 // Write of a message, Refuse, Queued
	Code        int    // Hangup
	Event       Event
	Cause       error // Refuse
}

// ClientEffectKind names an effect of a client.
type ClientEffectKind uint8

// The effects of a client.
const (
	// dial with Credentials if there are any, else with Token; answer with Opened or DialFailed
	DoDial ClientEffectKind = iota + 1
	// the client no longer waits for the dial of Gen: cancel it and close its connection
	DoAbandon
	// write Data as a binary message; tell the sender of Tag, unless it is zero
	DoWrite
	DoPing   // ping with Data
	DoHangup // close the connection of Gen
	DoStore  // keep Token on disk
	DoEvent  // report Event to the subscribers
	DoRefuse // the client does not send the message of Tag, because of Cause
	DoQueued // the message of Tag waits for a connection
)

// Event is one report to the subscribers.
type Event struct {
	Kind   EventKind
	Term   etf.Term  // Message
	Status int       // UpgradeFailed: the HTTP status; 0 means an answer that is not HTTP
	At     time.Time // ConnectionScheduled: time of the attempt
	// ConnectionFailed, UpgradeFailed, ConnectionError, ConnectionLost, Dropped, TokenTrouble
	Reason error
}

// EventKind names an event. String returns the original's name.
type EventKind uint8

// The events. The original has none for the last two, and loses such messages and tokens in
// silence.
const (
	EventUnregistered        EventKind = iota + 1 // there is no valid token: log in
	EventConnectionScheduled                      // the next attempt comes at At
	EventConnecting
	EventConnected
	EventConnectionLost
	EventConnectionFailed // the server did not answer
	EventUpgradeFailed    // the server answered and refused
	EventConnectionError  // a message could not be written
	EventMessage          // Term arrived
	EventDropped          // a message was lost because of Reason
	// the stored token was damaged or could not be stored; the client continues without it
	EventTokenTrouble
)

// String returns the original's name of the event.
func (k EventKind) String() string {
	names := [...]string{
		"unknown", "unregistered", "connection_scheduled", "connecting", "connected", "connection_lost",
		"connection_failed",
		"upgrade_failed", "connection_error", "message", "dropped", "token_trouble",
	}
	if int(k) < len(names) {
		return names[k]
	}
	return names[0]
}

// Status is the state of a client.
type Status uint8

// The states.
const (
	Idle         Status = iota // not started
	Unregistered               // waits for a login
	Scheduled                  // waits for the next attempt
	Connecting
	Connected
	Stopped // for good
)

// String returns the original's name of the state.
func (s Status) String() string {
	names := [...]string{
		"idle",
		"unregistered",
		"connection_scheduled",
		"connecting",
		"connected",
		"stopped",
	}
	if int(s) < len(names) {
		return names[s]
	}
	return names[0]
}
