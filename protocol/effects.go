package protocol

import "time"

// SocketInput is one event of a socket. Kind decides which fields are set. The zero value means
// that time has passed.
type SocketInput struct {
	Kind  SocketInputKind
	Msg   Message       // Received, Transmit
	Tag   uint64        // Transmit: the sender's own number for it, handed back in Sent
	Code  int           // Lost: the close code, 1006 when there was none
	Cause error         // Lost, DialFailed
	After time.Duration // DialFailed: the hub's Retry-After, zero when it gave none
}

// SocketInputKind names an event of a socket.
type SocketInputKind uint8

// The events of a socket.
const (
	SocketTick       SocketInputKind = iota // time has passed
	SocketStart                             // begin and dial now
	SocketOpened                            // the dial succeeded
	SocketDialFailed                        // the dial failed: Cause, After
	SocketReceived                          // a message arrived: Msg
	// send Msg: the socket assigns Ref, and JoinRef when Msg is a phx_join
	SocketTransmit
	SocketLost   // the byte stream ended: Cause, Code
	SocketJoined // the device channel has joined: resets the backoff
	// connect again at once; resets the backoff
	SocketReconnect
	SocketStop // hang up for good
)

// SocketEffect is one effect that the owner of a socket carries out. Kind decides which fields are
// set.
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

// SocketEffectKind names an effect of a socket.
type SocketEffectKind uint8

// The effects of a socket.
const (
	DoDial SocketEffectKind = iota + 1 // dial; answer with SocketOpened or SocketDialFailed
	DoSend                             // write Msg to the socket
	// tell the sender of Tag the Ref of its message; follows its DoSend
	DoSent
	// close the socket and answer with SocketLost; DoDown follows
	DoHangup
	DoDeliver // hand Msg to the channel of its topic
	DoUp      // tell the channels that socket generation Gen is up
	DoDown    // tell the channels that socket generation Gen is down, with Cause
	// the hub answered a heartbeat: all messages before it have arrived
	DoConfirm
	// report that the next dial comes at Until, because of Cause
	DoWait
	DoDrop // count a Msg that came while no socket was up, or that no channel expects
)

// ChannelInput is one event of a channel. Kind decides which fields are set. The zero value means
// that time has passed.
type ChannelInput struct {
	Kind ChannelInputKind
	Msg  Message // Received; Push: Event and Payload; Params: Payload
	// Sent: the channel's own number of the transmission; Push: the pusher's number, handed back
	Tag   uint64
	Ref   string // Sent
	Gen   uint64 // Up
	Reply bool   // Push: a reply is expected within the push timeout
}

// ChannelInputKind names an event of a channel.
type ChannelInputKind uint8

// The events of a channel.
const (
	ChannelTick     ChannelInputKind = iota // time has passed
	ChannelUp                               // the socket of generation Gen is up
	ChannelDown                             // the socket is gone
	ChannelParams                           // the join parameters asked for by DoParams
	ChannelSent                             // transmission Tag went out with Ref
	ChannelReceived                         // a message of this topic arrived
	ChannelPush                             // push an event
	ChannelLeave                            // leave the topic and stay out
	ChannelRejoin                           // join again now (the hub announced new extensions, say)
)

// ChannelEffect is one effect that the owner of a channel carries out. Kind decides which fields
// are set.
type ChannelEffect struct {
	Kind ChannelEffectKind
	Msg  Message // Transmit; Event; Reply, Joined, Refused: Payload is the response
	// Transmit: the channel's own number; Pushed, Reply, PushTimeout, NotJoined: the pusher's
	Tag   uint64
	OK    bool  // Reply: status "ok"
	Cause error // Refused, Errored; Reply when not OK
}

// ChannelEffectKind names an effect of a channel.
type ChannelEffectKind uint8

// The effects of a channel.
const (
	// build fresh join parameters; answer with ChannelParams
	DoParams ChannelEffectKind = iota + 1
	// give Msg to the socket under Tag; answer with ChannelSent
	DoTransmit
	DoJoined // the hub accepted the join
	// the join was refused or not answered; a retry is planned, unless the state is Closed
	DoRefused
	DoEvent // the hub pushed an event to the joined channel
	// the channel gave the push of the pusher's Tag to the socket; follows its DoTransmit
	DoPushed
	DoReply // the hub replied to the push of the pusher's Tag
	// the hub did not reply in time, or lost the join
	DoPushTimeout
	DoNotJoined // the channel is not joined and dropped the push
	// the joined channel was lost (phx_error, phx_close, socket down), with Cause
	DoErrored
	DoLeft      // the channel has left on request
	DoReconnect // joins keep failing: ask for a new socket
	// count a dropped message of an older join, or a reply without a waiting push
	DoStale
)
