// Package extensions is the contract between a device agent and its extensions: features such as
// health reports or remote logs that share the device's connection, are switched on and off by the
// hub, and can crash without hurting anything else.
//
// An extension is written as an [Extension] with a [Factory] that makes it; it speaks through the
// [Host] that the factory is given. A program that embeds the agent lists the factories in its
// configuration and calls nothing here.
//
// # Life
//
// The host makes an extension when the hub attaches it, and calls Handle with one [Event] at a
// time: Attached first, then messages and ticks, then Detached. Attached and Detached may alternate
// many times, as connections come and go. An error or a panic of Handle ends the extension: no
// Detached follows, and a fresh one is made in its place, which hears Attached if the hub still
// wants it. Crashes that come too fast (the agent's limit: the fourth within 30 seconds) detach it.
//
// # Ownership
//
// An extension belongs to its host. It owns the goroutines and files that it opens, and has
// released them when Handle returns from Detached or returns an error; one that needs neither is
// simplest. Work done in Handle delays only the extension itself.
//
// # Ordering
//
// Events arrive in the order in which the hub sent them. Pushes leave in the order of the calls.
// Both are lost when the connection is: nothing is repeated, and the hub asks again when it
// attaches again.
//
// # Limits
//
// There is one timer for each extension, and there are no replies: the hub answers no push of an
// extension. The package does no I/O, starts no goroutine and keeps no registry.
package extensions
