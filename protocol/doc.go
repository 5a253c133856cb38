// Package protocol is the client side of the Phoenix channel protocol (Phoenix V2 serializer)
// without I/O: the owner of its cores dials, reads, writes and keeps the time.
//
// A [Socket] keeps one connection to a hub alive and gives every message its ref. A [Channel] joins
// one topic and joins again when the hub loses it. Both have the same two calls:
//
//	effects = core.Step(now, input, effects[:0]) // an input happened; carry out the effects in order
//	core.Deadline()                              // call Step at this time at the latest
//
// A Step with the zero input means that time has passed; an early or repeated one changes nothing.
// A [Codec] turns messages into frames and back: [JSON] is vsn 2.0.0, [MessagePack] is vsn 3.0.0.
// Payloads are JSON with both. Package hub has the typed messages of NervesHub.
//
// # Ownership
//
// A core belongs to one goroutine. It does not copy payloads: a [Message] is immutable once it was
// passed in or handed out, and the payload of a message that was decoded from JSON refers to its
// frame. A Socket is a plain value; its source of randomness is the only reference. An owner that
// steps a copy and keeps the copy after the step has no half a step after a panic.
//
// # Order
//
// The owner carries out the effects of a step in their order. DoSent follows its DoSend, DoPushed
// follows its DoTransmit. The owner answers every DoDial with SocketOpened or SocketDialFailed.
// DoHangup takes the socket down for all channels; the next dial comes after SocketLost, or 10 s
// later. When a join is lost, pushes that wait for a reply time out at once.
//
// # Limits
//
// At most 64 pushes of a channel wait for a reply. JSON nests at most 10,000 deep, MessagePack at
// most 128 deep. The caller bounds the size of a frame; MessagePack bounds the decoded payload too.
// Steps that route a message or send a heartbeat do not allocate. Deadlines follow a clock that is
// set back.
//
// The package has no queue. A channel that is not joined drops a push and answers it with
// DoNotJoined.
package protocol
