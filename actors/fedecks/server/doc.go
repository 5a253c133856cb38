// Package server is the server's end of Fedecks: an http.Handler that devices connect to, and the
// functions that reach them.
//
// Most people need two calls: [New], whose result is mounted on any mux, and [Server.Push], which
// sends a term to a device by its id.
//
//	srv, err := server.New(server.Config{
//		Salt: salt, Secrets: []string{secret},
//		Handler: server.Handler{Authenticate: check, HandleIn: received},
//	})
//	err = srv.Start(ctx)
//	mux.Handle("/fedecks/websocket", srv)
//
// Clients of the original add "/websocket" to the path of the socket themselves only by
// configuration; mount the path that they dial.
//
// # What holds
//
// Every connection is one supervised actor. The callbacks of one connection run one at a time, in
// the order in which things came, and may block: nobody else waits for them. A callback that panics
// or returns an error ends its connection with code 1011 and nothing else. Authenticate and
// SocketError run in the goroutine of the HTTP request, before there is a connection.
//
// A request is judged in this order: WebSocket headers (400, 426), Origin (403), rate of its
// address (429), credentials or token (403 and not a word more). [Handler.SocketError] hears why.
//
// # Messages from elsewhere
//
// [Server.Push] and [Server.Broadcast] send a term as it is. [Server.Notify] and [Server.Publish]
// hand a value to HandleInfo of a device's connection or of every connection that has subscribed to
// a topic, and that decides what becomes of it. All of them return when the message is in the
// mailbox, which is no promise that it arrives. A device knows that it is connected a moment before
// it can be found here: what shall reach it first belongs into ConnectionEstablished.
//
// What is sent to a new connection waits until the device has said something, as clients do at
// once, or for a second: clients of the original lose the connection when a message comes together
// with the answer to their request.
//
// # Several machines
//
// Servers with a [Cluster] in their configuration and a common [Bus] (package natsbus has one) are
// one: [Server.Push], [Server.Broadcast], [Server.Disconnect], [Server.Revoke] and presence mean
// the devices of all, and the policy for a second connection of a device holds for all, so the
// newest wins wherever it is. Salt, secrets and policy have to be the same everywhere. Notify,
// Publish and HandleInfo stay on their node.
//
// The nodes tell each other within milliseconds, what is lost is healed within 3 s, and a node that
// dies is missed after 8 s: then its devices have left. While nodes do not hear each other, each
// goes on with its own devices and those it can reach; a device may then be connected to both
// sides, until they hear each other again and the newest wins. A device that moves from one node to
// another may be seen to leave and join by a third. With [RefuseNewer], two nodes that are asked in
// the same moment let both in, and the newer stays.
//
// # Limits
//
// Messages, waiting pushes, idle time, handshake and the number of remembered addresses are bounded
// by [Limits]. How long a client may take for its request is up to the http.Server: set its
// ReadHeaderTimeout. Revocations made with [Server.Revoke] are forgotten when the tokens have
// expired, and with the process, or the last node of the cluster; Config.ValidFrom is asked for
// lasting ones.
package server
