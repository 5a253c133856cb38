// Package dialplan decides when the hub is dialled, at which URL, and for which serializer.
//
//   - [Network] holds the first dial of a device back until there is a network.
//   - [URLs] chooses one of the hub's URLs and respects the Retry-After of each.
//   - [Serializer] falls back from MessagePack to JSON.
//
// How long to wait between two dials is decided by the core of the socket, [protocol.Socket].
//
// The package is a core: it reads no clock and does no I/O. The values are plain; an owner may work
// on a copy and keep it when the dial came to its end.
package dialplan
