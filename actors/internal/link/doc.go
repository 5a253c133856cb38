// Package link is the room of the socket: the actor connection, the link value that outlives it,
// and the edge that dials the hub.
//
// [New] makes the actor from a [Door]; a [Hub] is its edge. The socket, its unread frames and the
// effects that were decided on stay with the link value, which the next incarnation takes over.
package link
