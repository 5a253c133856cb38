// Package transport carries messages between a device and a hub over WebSocket (RFC 6455), on a
// socket or in memory.
//
// A device calls [WebSocket.Dial] and then [Conn.ReadMessage] in a loop; a hub calls [Upgrade] in
// its HTTP handler. Tests and simulations use [Pipe], or a [Listener] with a [PipeDialer], which
// keep the same contract without a socket.
//
// Ownership: a Conn belongs to whoever dialled or accepted it, who must end it with Close or Abort,
// also after ReadMessage has failed. One goroutine reads; any goroutine may write, close or abort.
// The package starts no goroutine of its own, except short ones while Dial races addresses against
// each other, all of which have an end within the connect timeout.
//
// Ordering: messages arrive in the order of their WriteMessage calls. Pongs and the close frame go
// through the same lock as messages, so nothing is ever written into the middle of a frame. Every
// frame is one Write.
//
// Limits: messages and frames, fragments, the bytes and the time of the handshake, the time of a
// Write and of a close are all bounded, see [Limits] and [Timeouts], also after inflating; nothing
// is allocated because a peer announced it. A connection that waits for its next frame holds no
// buffer.
//
// Compression ([Compression], RFC 7692) is up to both ends. Messages under 128 bytes, those that do
// not shrink and those that shrink below a twentieth go as they are. A compressing link keeps at
// most 36 KiB of each direction, and a megabyte more while it is busy.
//
// The protocol itself stands in [Decoder] and [Encoder], which do no I/O: other drivers, an epoll
// loop for one, can be built on them.
//
// What it does not do: it never reconnects, sends no pings by itself, knows no topics and logs
// nothing.
package transport
