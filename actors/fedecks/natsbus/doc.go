// Package natsbus is a server.Bus over NATS, for Fedecks servers on several machines that act as
// one.
//
// Most programs need two calls: [Open], whose result goes into the configuration of a server, and
// [Bus.Close], after the server has stopped.
//
//	bus, err := natsbus.Open(ctx, natsbus.Config{
//		Listen: "10.0.0.1:6222", Routes: []string{"10.0.0.2:6222"}, Secret: secret,
//	})
//	srv, err := server.New(server.Config{..., Cluster: server.Cluster{Bus: bus, Node: "a"}})
//
// # Three forms
//
// The zero [Config] is a NATS server inside this process that no other process can reach. With
// Listen it is one of several such servers, each in the process of a Fedecks server. They connect
// to each other and pass on the addresses that they know, so a new one needs the address of one
// other. With URL the bus connects to NATS servers that run elsewhere. A server that cannot be
// reached then is a warning in the log and no error, at the start and later: each node serves its
// own devices until the server is back.
//
// # What holds
//
// Every node has one subscription, with a wildcard, however many devices it has; it drops messages
// for other nodes by their subject. Messages arrive once at most and in order. No message waits for
// a server that is away: Publish returns [server.ErrBusDown], because a push that arrives minutes
// later is worse than an error. Publish returns [server.ErrTooLarge] for data beyond
// Config.MaxMessage, or beyond the limit of an external server.
//
// # Security
//
// A process that reaches the bus can push to every device. Listen on any other address than
// loopback therefore needs a Secret or TLS with client certificates, and an external server should
// ask for credentials. An embedded server that listens for others also opens a port for clients on
// loopback, because NATS opens both or none; only this process has the token for it. Secrets appear
// in no log and no error.
package natsbus
