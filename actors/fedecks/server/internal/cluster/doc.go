// Package cluster is the core of several servers that act as one: which device is connected to
// which node, which connection of a device is the newest, and which nodes live. It is pure:
// [Core.Step] is told the time and the input, and returns effects.
//
// Each node alone writes the state of its own devices, and numbers its changes. The other nodes
// keep a copy of it. A node applies the change with the next number; after a gap it asks for the
// whole state. Every beat carries the number, so that a gap shows even when no further change
// comes. A new node starts as one with a gap. A node that was not heard for [Dead] leaves with all
// of its devices.
//
// The newest connection of a device is the one with the greatest stamp; between equal stamps, the
// one on the node with the greater name. Stamps are times of a hybrid clock, which follows the
// clock that is most ahead: a node that has heard of a connection stamps later ones higher,
// whatever its own clock shows. Only connections that are made at the same moment, before the nodes
// have heard of each other's, are ordered by the clocks of the machines. Each node closes its own
// older connections only. No agreement is needed, because nodes that have heard the same come to
// the same result.
//
// Every node keeps all revocations and sends them with its state, so they outlive the node that
// made them.
package cluster
