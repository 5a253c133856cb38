// Package conformance has other implementations talk to ours: WebSocket libraries of other languages to the frame layer, in both roles, and
// the official client of Phoenix to the simulated hub. What they need is installed by make deps.
package conformance
