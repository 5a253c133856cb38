package server

import "github.com/hublink-go/hublink/actors/fedecks/server/internal/cluster"

// Cluster makes a server one node of several, which share registry, push, broadcast and presence.
// The zero Cluster means a server alone.
type Cluster struct {
	Bus Bus // carries the messages between the nodes; nil: there are no other nodes
	// name of this node, unique in the cluster: up to 64 letters, digits, - and _; empty: a random one
	// if there is a Bus
	Node string
}

// Messages to the exchange. They are lost with a crash of it; its next incarnation starts with the
// state of the registry at that time.
type (
	heard struct{ m cluster.Message } // from the bus
	local struct {                    // from the registry: a device of this node has changed
		device string
		entry  cluster.Entry
		newest uint64
	}
	revoking struct { // from the registry: tokens of a device are worthless
		device string
		until  int64 // those made until then; 0: until now
	}
)
