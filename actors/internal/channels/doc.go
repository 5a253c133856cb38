// Package channels is the room of what the hub says: one actor for each topic, and one file for
// each concern of a topic.
//
// [NewDevice] makes channel/device from a [DeviceDoor], [NewExtensions] channel/extensions from an
// [ExtensionsDoor]. A topic actor has a channel, which talks to connection; the actor carries out
// the effects that are its own.
package channels
