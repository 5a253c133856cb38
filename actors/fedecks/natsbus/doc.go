// Package natsbus is a server.Bus over NATS: Fedecks servers on several machines that are one.
//
// Most people need two calls: [Open], whose result goes into the configuration of a server, and
// [Bus.Close], after the server has stopped.
//
//	bus, err := natsbus.Open(ctx, natsbus.Config{
//		Listen: "10.0.0.1:6222", Routes: []string{"10.0.0.2:6222"}, Secret: secret,
//	})
//	srv, err := server.New(server.Config{..., Cluster: server.Cluster{Bus: bus, Node: "a"}})
//
// # Three forms
//
// The zero [Config] is a NATS server in this process that nobody else can reach. With Listen it is
// one of several, each in the process of a Fedecks server: they connect to each other and learn of
// further ones by themselves, so a newcomer needs to know one. With URL there is no server here,
// but a connection to those that somebody else runs. Then a server that cannot be reached is a
// warning and no error, at the start as later: devices are served by each node alone until it comes
// back.
//
// # What holds
//
// Every node has one subscription, with a wildcard, whatever the number of its devices; what is for
// another node is dropped by its subject. Messages come at most once and in order, and none waits
// for a server that is away: Publish says [server.ErrBusDown] then, because a push that comes
// minutes later is worse than an error. Data beyond Config.MaxMessage, or what an external server
// allows, is [server.ErrTooLarge].
//
// # Who may talk
//
// Whoever reaches the bus can push to every device. So Listen on anything but loopback needs a
// Secret or TLS with client certificates, and an external server should ask for credentials. An
// embedded server that listens for others also opens a port on loopback, because NATS does not do
// the one without the other; it takes nobody but this process. Secrets are in no log and no error.
package natsbus
