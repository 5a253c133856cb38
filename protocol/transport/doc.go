// Package transport carries messages between a device and a hub over WebSocket (RFC 6455) with
// permessage-deflate (RFC 7692), on a socket or in memory.
//
// A device calls [WebSocket.Dial] and then [Conn.ReadMessage] in a loop. A hub calls [Upgrade] in
// its HTTP handler. Tests and simulations use [Pipe], or a [Listener] with a [PipeDialer]; they
// have the same contract without a socket.
//
// Ownership: the caller that dialled or accepted a Conn owns it and must end it with Close or
// Abort, also after an error of ReadMessage. One goroutine reads; any goroutine may write, close or
// abort. The package starts goroutines only while Dial races addresses, and they end within the
// connect timeout.
//
// Ordering: messages arrive in the order of their WriteMessage calls. Messages, pongs and the close
// frame take the same lock, so frames do not mix. Every frame is one Write.
//
// Limits: [Limits] and [Timeouts] bound messages, inflated messages, frames, fragments, the bytes
// and the time of the handshake, and the time of a Write and of a close. Memory grows with received
// bytes, not with announced lengths. A connection that waits for its next frame has no buffer.
//
// Compression ([Compression], RFC 7692) needs the agreement of both ends. Messages under 128 bytes,
// those that do not shrink and those that shrink below a twentieth are sent uncompressed. A
// compressing link keeps at most 36 KiB of each direction, and one megabyte more while it is busy.
//
// [Decoder] and [Encoder] are the protocol without I/O. Other drivers, such as an epoll loop, can
// use them.
//
// The package does not reconnect, does not send pings by itself, has no topics and does not log.
package transport
