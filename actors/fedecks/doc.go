// Package fedecks is the device's end of Fedecks: a connection to a server that carries Erlang
// terms both ways. The device logs in once with credentials; afterwards the client connects by
// itself with a token that the server gave it.
//
// Most programs need two calls: [Client.Login], once in the life of a device, and [Client.Send].
//
//	c, err := fedecks.New(fedecks.Config{
//		URL: "wss://example.com/fedecks/websocket", DeviceID: hostname,
//		TokenFile: "/var/lib/app/fedecks.token",
//		OnEvent: func(e fedecks.Event) { ... },
//	})
//	err = c.Start(ctx)
//	err = c.Login(map[string]any{"username": "bob", "password": secret})
//	err = c.Send(ctx, etf.Tuple{etf.OK, etf.Binary("hello")})
//
// # The tree
//
//	<name>         rest_for_one
//	├─ events      runs the callbacks; recovers a panic; a callback that blocks delays events only
//	├─ store       reads and writes the token file
//	├─ handle      the dead man's handle: replaces a connector that does not come back in time
//	└─ connector   dials, reads, writes; drives the core in protocol/fedecks
//
// An actor that crashes restarts those below it too: a new connector asks the store for the token
// and starts the core anew. Messages in the queue of a connector that crashed are lost, each with
// an event.
//
// # The token
//
// The token file is readable by its owner only, has the format of the original, and is replaced
// atomically. The store renames a damaged file to the same name with ".damaged" behind it. When a
// file cannot be written, the client goes on with the token in memory and may need a login after
// its next start. [EventTokenTrouble] tells of both. Credentials are kept for one attempt and never
// written to disk.
//
// When the server refuses the token, the client emits [EventUnregistered] and stops trying. It
// tries the same token once more after its next start, because a server may be wrong.
//
// # Lifecycle
//
// [New], then [Client.Start] and [Client.Stop], or [Client.Run], which does both. [Client.Done] is
// closed when the client has ended; [Client.Wait] returns why.
//
// # Messages between the actors
//
//	from        to         message          meaning                         if lost
//	connector   store      askToken         asks for the token (a Call)     both restart
//	connector   store      saveToken        stores this token               the next comes in hours
//	connector   handle     hold             the connector is back by then   a new connector starts
//	all         events     tell             an event                        the next tell reports it
//	Client      connector  login, send,
//	                       reconnect        see Client                      the caller gets an error
//	Stop        both ends  quit             hang up; tell what waits        the stop goes on
//	goroutines  connector  opened,
//	                       dialFailed,
//	                       inward, ponged,
//	                       lost             of one connection               the connector has ended
package fedecks
