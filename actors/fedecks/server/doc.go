// Package server is the server's end of Fedecks: an http.Handler that devices connect to, and the
// functions that send to them.
//
// Most programs need two calls: [New], whose result is mounted on any mux, and [Server.Push], which
// sends a term to a device by its id.
//
//	srv, err := server.New(server.Config{
//		Salt: salt, Secrets: []string{secret},
//		Handler: server.Handler{Authenticate: check, HandleIn: received},
//	})
//	err = srv.Start(ctx)
//	mux.Handle("/fedecks/websocket", srv)
//
// Mount the path that the devices dial: whether a client of the original adds "/websocket" to the
// path of its socket depends on its configuration.
//
// # Connections and callbacks
//
// Every connection is one supervised actor. The callbacks of a connection run one at a time, in the
// order of the messages, and may block without delaying other connections. A callback that panics
// or returns an error closes its connection with code 1011. Authenticate and SocketError run in the
// goroutine of the HTTP request, before there is a connection.
//
// The server checks a request in this order: WebSocket headers (400, 426), Origin (403), rate of
// the address (429), credentials or token (403, without a reason in the response).
// [Handler.SocketError] is told the reason.
//
// # Messages to devices
//
// [Server.Push] and [Server.Broadcast] send a term as it is. [Server.Notify] and [Server.Publish]
// pass a Go value to HandleInfo, of the connections of a device or of those that subscribed to a
// topic, and HandleInfo decides what is sent. All four return when the message is in the mailbox of
// the connection, which does not mean that it arrives. A device learns that it is connected a
// moment before the server lists it: a message that must reach it first belongs into
// ConnectionEstablished.
//
// Messages to a new connection wait until the device has sent its first message, or for a second.
// Clients of the original send one at once, and lose the connection when a message arrives together
// with the answer to their request.
//
// # Several machines
//
// Servers with a [Cluster] in their configuration and a common [Bus] act as one; package natsbus
// has a Bus. [Server.Push], [Server.Broadcast], [Server.Disconnect], [Server.Revoke] and presence
// then concern the devices of all nodes, and [Duplicates] holds across nodes, so that the newest
// connection of a device wins on whatever node it is. Salt, secrets and policy must be the same on
// all nodes. Notify, Publish and HandleInfo concern their own node only.
//
// Nodes learn of each other's devices within milliseconds; a message that is lost is repaired
// within 3 s. A node that dies is detected after 8 s, and its devices then count as disconnected.
// While nodes do not hear each other, each one serves its own devices and those of the nodes that
// it hears. A device may then be connected to both sides, until they hear each other again and the
// newest connection wins. When a device moves from one node to another, a third node may see it
// leave and join. With [RefuseNewer], two nodes that are asked at the same moment accept both
// connections, and the newer one stays.
//
// # Limits
//
// [Limits] bound the messages, the waiting pushes, the idle time, the handshake and the remembered
// addresses. The time that a client takes for its request is bounded by the http.Server: set its
// ReadHeaderTimeout. A revocation made with [Server.Revoke] is forgotten when the tokens have
// expired, and with the process or the last node of the cluster. Config.ValidFrom is for lasting
// ones.
//
// # Lifecycle
//
// [New], then [Server.Start] and [Server.Stop], or [Server.Run], which does both. [Server.Done] is
// closed when the server has ended; [Server.Wait] returns why.
package server
