// Package fedecks is the device's end of Fedecks: a link to a server that carries Erlang terms both
// ways, is made once with credentials and afterwards comes back by itself with a token.
//
// Most people need two calls: [Client.Login], once in a device's life, and [Client.Send].
//
//	c, err := fedecks.New(fedecks.Config{
//		URL: "wss://example.com/fedecks/websocket", DeviceID: hostname, TokenFile: "/var/lib/app/fedecks.token",
//		OnEvent: func(e fedecks.Event) { ... },
//	})
//	err = c.Start(ctx)
//	err = c.Login(map[string]any{"username": "bob", "password": secret})
//	err = c.Send(ctx, etf.Tuple{etf.OK, etf.Binary("hello")})
//
// # The tree
//
//	<name>              rest_for_one
//	├─ events           runs the callbacks; one that panics hurts nobody, one that blocks delays later events only
//	├─ store            the token file
//	├─ handle           the dead man's handle: a connector that does not come back in time is replaced
//	└─ connector        dials, reads, writes; what it does when is decided by the core in protocol/fedecks
//
// Whoever crashes takes those below along: a new connector asks the store for the token and begins
// anew. Messages that waited in the queue of a connector that crashed are lost, each with an event.
//
// # The token
//
// It stands in one file that only its owner can read, in the original's format, and is replaced
// atomically. A damaged file is set aside with ".damaged" behind its name. A file that cannot be
// written costs nothing but the next start: the client goes on with what it has in memory. Both are
// told as [EventTokenTrouble]. Credentials are held for one attempt and never written.
//
// A token that the server refuses ends in [EventUnregistered]. It is tried once more after the next
// start, because servers err too.
//
// # Messages between the actors
//
//	from        to          message     meaning                               if lost
//	connector   store       askToken    which token is there? (a Call)        both restart
//	connector   store       saveToken   keep this one                         the next one comes within hours
//	connector   handle      hold        I shall be back by then               the handle lets go: a new connector
//	all         events      tell        an event                              the next one says so (ErrEventsLost)
//	goroutines  connector   opened, dialFailed, inward, ponged, lost          the connector has ended
//	anybody     connector   login, send, reconnect                            the caller gets an error
//	Stop        both ends   quit        hang up; tell what is to be told      the stop comes all the same
package fedecks
