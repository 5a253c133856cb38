package protocol

import "time"

// SocketInput is one thing that happened to a socket; Kind says which fields are set.
// The zero value means "time has passed".
type SocketInput struct {
	Kind  SocketInputKind
	Msg   Message       // Received, Transmit
	Tag   uint64        // Transmit: the sender's own number for it, handed back in Sent
	Code  int           // Lost: the close code, 1006 when there was none
	Cause error         // Lost, DialFailed
	After time.Duration // DialFailed: the hub's Retry-After, zero when it gave none
}

// SocketInputKind names what happened.
type SocketInputKind uint8

// What can happen to a socket.
const (
	SocketTick       SocketInputKind = iota // time has passed
	SocketStart                             // begin: dial now
	SocketOpened                            // the dial succeeded
	SocketDialFailed                        // the dial failed: Cause, After
	SocketReceived                          // a message arrived: Msg
	// somebody wants Msg sent; Ref is assigned here, JoinRef too when Msg is a phx_join
	SocketTransmit
	SocketLost   // the byte stream ended: Cause, Code
	SocketJoined // the device channel has joined: resets the backoff
	// somebody asked for a new connection at once; resets the backoff
	SocketReconnect
	SocketStop // hang up for good
)

// SocketEffect is one thing to do, in order; Kind says which fields are set.
type SocketEffect struct {
	Kind   SocketEffectKind
	Msg    Message   // Send, Sent (without Payload), Deliver, Confirm (the reply), Drop
	Tag    uint64    // Sent; Drop of a SocketTransmit
	Gen    uint64    // Up, Down: the generation of the socket
	Code   int       // Hangup
	Reason string    // Hangup: for the close frame and the log
	Until  time.Time // Wait: when the next dial comes
	Cause  error     // Down, Wait
}

// SocketEffectKind names what to do.
type SocketEffectKind uint8

// What a socket can ask for.
const (
	DoDial SocketEffectKind = iota + 1 // dial; answer with SocketOpened or SocketDialFailed
	DoSend                             // write Msg to the socket
	// tell the sender of Tag which Ref its message got; comes right after its DoSend
	DoSent
	// close the socket; answer with SocketLost when it is gone. DoDown comes right after it
	DoHangup
	DoDeliver // hand Msg to the channel of its topic
	DoUp      // tell everybody: socket generation Gen is up
	DoDown    // tell everybody: socket generation Gen is gone, Cause
	// a heartbeat was answered: everything sent before it has arrived
	DoConfirm
	// tell whoever watches: the next dial comes at Until, because of Cause
	DoWait
	DoDrop // Msg came while no socket was up, or is nobody's: count it
)

// ChannelInput is one thing that happened to a channel; Kind says which fields are set.
// The zero value means "time has passed".
type ChannelInput struct {
	Kind ChannelInputKind
	Msg  Message // Received; Push: Event and Payload; Params: Payload
	// Sent: the channel's own number of the transmission; Push: the pusher's number, handed back
	Tag   uint64
	Ref   string // Sent
	Gen   uint64 // Up
	Reply bool   // Push: a reply is expected within the push timeout
}

// ChannelInputKind names what happened.
type ChannelInputKind uint8

// What can happen to a channel.
const (
	ChannelTick     ChannelInputKind = iota // time has passed
	ChannelUp                               // the socket of generation Gen is up
	ChannelDown                             // the socket is gone
	ChannelParams                           // the join parameters asked for by DoParams
	ChannelSent                             // transmission Tag went out with Ref
	ChannelReceived                         // a message of this topic arrived
	ChannelPush                             // somebody wants to push an event
	ChannelLeave                            // leave the topic and stay out
	ChannelRejoin                           // join again now (the hub announced new extensions, say)
)

// ChannelEffect is one thing to do, in order; Kind says which fields are set.
type ChannelEffect struct {
	Kind ChannelEffectKind
	Msg  Message // Transmit; Event; Reply, Joined, Refused: Payload is the response
	// Transmit: the channel's own number; Pushed, Reply, PushTimeout, NotJoined: the pusher's
	Tag   uint64
	OK    bool  // Reply: status "ok"
	Cause error // Refused, Errored; Reply when not OK
}

// ChannelEffectKind names what to do.
type ChannelEffectKind uint8

// What a channel can ask for.
const (
	// build fresh join parameters; answer with ChannelParams
	DoParams ChannelEffectKind = iota + 1
	// give Msg to the socket under Tag; answer with ChannelSent
	DoTransmit
	DoJoined // the hub accepted the join
	// the join was refused or not answered; a retry is planned, unless the state is Closed
	DoRefused
	DoEvent // the hub pushed an event to the joined channel
	// the push of the pusher's Tag was given to the socket; right after its DoTransmit
	DoPushed
	DoReply // the hub replied to the push of the pusher's Tag
	// the hub did not reply in time, or the join was lost before
	DoPushTimeout
	DoNotJoined // the push was dropped, the channel is not joined
	// the joined channel was lost (phx_error, phx_close, socket gone); Cause
	DoErrored
	DoLeft      // the channel has left on request
	DoReconnect // joins keep failing: ask for a new socket
	// a message of an older join, or a reply that nobody awaits, was dropped: count it
	DoStale
)
