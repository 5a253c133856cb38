// Package protocol speaks the Phoenix channel protocol as a client, without doing any I/O: what is
// read, written, dialed and waited for is the business of its owner.
//
// A [Socket] keeps one connection to a hub alive and gives every message its ref; a [Channel] joins
// one topic and joins again when it is lost. Both are driven by the same two calls:
//
//	effects = core.Step(now, input, effects[:0]) // something happened; do what it says, in order
//	core.Deadline()                              // call Step at this time at the latest
//
// A Step with the zero input means that time has passed; one that comes early or twice does
// nothing. A [Codec] turns messages into frames and back; [JSON] is vsn 2.0.0, [MessagePack] vsn
// 3.0.0. Payloads are JSON either way. The typed messages of NervesHub are in package hub.
//
// # Ownership
//
// A core belongs to one goroutine. It copies no payloads: a [Message] is immutable once it was
// passed in or handed out, and one that was decoded from JSON refers to the frame it came in. A
// Socket is a plain value without inner references but its source of randomness: step a copy and
// keep it when the step came to its end, and a crash in the middle never leaves half a step.
//
// # Order
//
// The effects of a step are in the order in which they must be carried out. DoSent comes right
// after its DoSend, DoPushed right after its DoTransmit. Every DoDial is answered by one of
// SocketOpened and SocketDialFailed. From DoHangup on the socket is down for everybody; the next
// dial comes after SocketLost, or 10 s later. When a join is lost, pushes that wait for a reply
// time out at once.
//
// # Limits
//
// At most 64 pushes of a channel await a reply. JSON nests at most 10,000 deep, MessagePack 128;
// the size of a frame is bounded by the caller, that of a payload of MessagePack here too. Steps
// that route a message or send a heartbeat do not allocate. A clock that is set back or far ahead
// moves no deadline out of reach.
//
// The package does not queue: what is pushed while a channel is not joined is dropped, and the
// pusher is told.
package protocol
