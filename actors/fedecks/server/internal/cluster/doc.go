// Package cluster is the core of several servers that are one: who is connected where, which
// connection of a device is the newest, and which nodes live. It is pure: [Core.Step] is told the
// time and what happened and says what is to be done.
//
// Every node is the only writer of what it knows of its own devices, and numbers its changes. The
// others keep a copy: a change with the next number is applied, a gap is healed by asking for the
// whole state, and the number in every beat shows a gap that nothing else showed. A newcomer is
// nothing but a node with a gap. A node that has not been heard for [Dead] leaves with all of its
// devices.
//
// The newest connection of a device is that with the greatest stamp; of equal stamps that on the
// node with the greater name. Stamps are times of a hybrid clock, which runs with that of the node
// that is most ahead: who has heard of a connection stamps later ones higher, whatever the clocks
// of the machines say. Only connections made within the same moment, before the nodes have heard of
// each other's, are ordered by the machines' clocks. Each node closes its own older connections and
// nobody else's, so no agreement is needed: all nodes come to the same verdict when they have heard
// the same.
//
// Revocations are kept by every node and are part of every node's state, so they outlive the node
// that made them.
package cluster
