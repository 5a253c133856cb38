// Package fedecks puts the two ends of a Fedecks link at a terminal: what comes is printed as
// Erlang terms, and the terms that are typed are sent.
//
// Most people need two calls: [Serve] runs a server and [Connect] a device, until their context
// ends. Input is read line by line; a term may go on over several lines and ends with a full stop.
// The goroutine that reads ends with its input and no sooner, because a read from a terminal cannot
// be interrupted; it holds nothing but the input.
package fedecks
