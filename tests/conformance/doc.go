// Package conformance has other implementations talk to ours: WebSocket libraries of other
// languages to the frame layer, in both roles, the official client of Phoenix to the simulated hub,
// the agent to the hub through nginx, and Erlang as either end of Fedecks to the other. What they
// need is installed by make deps.
package conformance
