// Package wsecho echoes WebSocket messages with the frame layer of the agent, in both roles, so
// that any conformance suite can drive it: [Serve] is the server, [Client] the client, [Fuzz] the
// client of a fuzzing server as the Autobahn suite has one.
package wsecho
