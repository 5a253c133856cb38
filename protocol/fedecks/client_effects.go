package fedecks

import (
	"time"

	"github.com/hublink-go/hublink/protocol/etf"
)

// ClientInput is one thing that happened to a client; Kind says which fields are set. The zero
// value means "time has passed".
type ClientInput struct {
	Kind ClientInputKind
	// Opened, DialFailed, Received, Pong, Lost: of the connection, as DoDial gave it
	Gen         uint64
	Token       string  // Start: the stored one; empty: none
	Credentials etf.Map // Login
	Data        []byte  // Received; Pong: the payload; Send: the octets of the message
	Tag         uint64  // Send: the sender's own number for it, handed back
	Status      int     // DialFailed: the server's HTTP status; zero: none came
	After       time.Duration
	Cause       error // DialFailed, Lost
}

// ClientInputKind names what happened.
type ClientInputKind uint8

// What can happen to a client.
const (
	ClientTick   ClientInputKind = iota // time has passed
	ClientStart                         // begin, with the stored token
	ClientLogin                         // somebody logs in
	ClientOpened                        // the dial of Gen succeeded
	// it failed: Cause, Status; After is the server's Retry-After
	ClientDialFailed
	ClientReceived  // a binary message came
	ClientPong      // a pong came
	ClientLost      // the connection of Gen ended
	ClientSend      // somebody wants Data sent
	ClientReconnect // somebody wants a new attempt now
	ClientStop      // hang up for good
)

// ClientEffect is one thing to do, in order; Kind says which fields are set.
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

// ClientEffectKind names what to do.
type ClientEffectKind uint8

// What a client can ask for.
const (
	// dial with Credentials if there are any, else with Token; answer with Opened or DialFailed
	DoDial ClientEffectKind = iota + 1
	// nobody waits for the dial of Gen any more: cancel it, close what it still gives
	DoAbandon
	// write Data as a binary message; tell the sender of Tag, unless it is zero
	DoWrite
	DoPing   // ping with Data
	DoHangup // close the connection of Gen
	DoStore  // keep Token on disk
	DoEvent  // tell the subscribers
	DoRefuse // the message of Tag is not sent: Cause
	DoQueued // the message of Tag waits for a connection
)

// Event is what subscribers see.
type Event struct {
	Kind   EventKind
	Term   etf.Term  // Message
	Status int       // UpgradeFailed: the HTTP status, zero if the answer was none
	At     time.Time // ConnectionScheduled: when
	// ConnectionFailed, UpgradeFailed, ConnectionError, ConnectionLost, Dropped, TokenTrouble
	Reason error
}

// EventKind names an event; String has the original's word.
type EventKind uint8

// The events. The last two are not the original's, which loses such things silently.
const (
	EventUnregistered        EventKind = iota + 1 // there is no token that the server takes: log in
	EventConnectionScheduled                      // the next attempt comes at At
	EventConnecting
	EventConnected
	EventConnectionLost
	EventConnectionFailed // no answer of the server came
	EventUpgradeFailed    // the server answered and refused
	EventConnectionError  // a message could not be written
	EventMessage          // Term came
	EventDropped          // a message was lost, for Reason
	// the stored token was damaged or could not be stored; the client goes on without
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

// Status is where a client stands.
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
