// Package logging shows a device's log lines on its hub.
//
// [New] makes a [Writer], to be given to the program's zerolog logger beside its other writers, and
// the factory for the agent's list of extensions:
//
//	lines, factory := logging.New(logging.Options{Level: zerolog.InfoLevel})
//	logger := zerolog.New(zerolog.MultiLevelWriter(os.Stderr, lines))
//
// # What arrives
//
// Lines are kept from the start of the program and sent once the hub has attached the extension, in
// batches (version 0.1.0 of the extension) or one by one (0.0.1). A line keeps its level, in the
// hub's words, its message and its fields as strings; nested fields become "outer.inner". Long
// lines are cut. The hub takes five messages a second and drops the rest without a word, so this
// side stays below that. A line leaves the memory when it has been handed over; one that is lost
// with the connection after that is lost.
//
// # Secrets
//
// The program must not log secrets. As a second line of defence, fields whose names contain token,
// secret, password, authorization, signature and the like are sent as "[masked]".
//
// # Ownership and limits
//
// The Writer belongs to one agent, is safe for use by any goroutine, never blocks on the network
// and never fails. It holds at most 1000 lines and 1 MiB; beyond that the oldest are dropped and
// counted, and a line that says so goes first. Lines about the sending of lines are not taken, or
// each would make another: those with an event field that begins with "logging:", and those whose
// extension or actor field names this extension. There are no goroutines and no files.
package logging
