// Package update is the room of an update: the actor updater, which drives the update machine, and
// the two actors of a transfer, applier and downloader.
//
// [New] makes the updater from a [Door]; the updater starts the actors of a transfer when the
// machine asks for them.
package update
