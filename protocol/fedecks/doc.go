// Package fedecks is the protocol of Fedecks without any I/O: a WebSocket that carries Erlang terms
// both ways between a device and a server, where the device logs in once and from then on comes
// back with a token.
//
// Most people want actors/fedecks (the device's end) and actors/fedecks/server, which run the cores
// of this package. What is here by itself is of use to other programs too: [NewKeyring] with
// [Keyring.Seal] and [Keyring.Open] for tokens, and [ParseAuth] for the header of an upgrade
// request.
//
// [Client] and [Session] are cores: Step takes in one thing that happened and appends what is to be
// done, in order; Deadline says when Step wants to be called at the latest. They have no clock,
// start nothing and are plain values that belong to one goroutine.
//
// # The wire
//
// One binary WebSocket message is one term. The device asks for a token with the charlist
// token_please, the server answers with {charlist token, binary}. These two cannot be told from
// user messages of the same shape, so [Encode] refuses to make such messages; what an original peer
// sends in that shape is taken for control, as the original takes it.
//
// A token is made and read as plug_crypto does. It holds the device's id, when it was made and how
// long it is good; the age that counts is the one inside the token. Several secrets may be in
// force: the first makes tokens, all of them open tokens.
//
// # Limits
//
// Device ids have 1 to 125 octets: longer ones cannot be pinged with, and above 266 octets the
// token would not fit the header. The header has at most 1020 characters, and compressed terms in
// it 16 KiB and 4,096 elements, because strangers send it. Other terms are bounded by the limits of
// package etf, the queue of what waits for a connection by ClientConfig.Queue.
//
// # Deliberate differences from the original
//
// Funs and ports are refused on both ends; pids and references are kept as opaque terms. Device ids
// that are no strings are refused. A token of another type than binary is a refusal, not a crash. A
// refused token ends in "unregistered" and an event; failed logins keep the stored token; the first
// frame may come together with the answer 101; waits grow and are random. A request with two
// headers is refused.
package fedecks
