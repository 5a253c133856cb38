// Package fedecks is the protocol of Fedecks without I/O: a WebSocket that carries Erlang terms
// between a device and a server. The device logs in once and then connects with a token.
//
// Packages actors/fedecks (the device's end) and actors/fedecks/server run the cores of this
// package. Two parts are useful alone: [NewKeyring] with [Keyring.Seal] and [Keyring.Open] for
// tokens, and [ParseAuth] for the header of an upgrade request.
//
// [Client] and [Session] are cores: Step applies one input and appends its effects in order;
// Deadline returns the latest time for the next Step. They are plain values without a clock and
// belong to one goroutine.
//
// # The wire
//
// One binary WebSocket message is one term. The device asks for a token with the charlist
// token_please, the server answers with {charlist token, binary}. A user message of the same shape
// would be taken as one of these two, as in the original, so [Encode] refuses such a message.
//
// A token has the format of plug_crypto. It contains the device's id, the time when it was made and
// its lifetime, which is the one that counts. With several secrets, the first one makes tokens and
// all of them open tokens.
//
// # Limits
//
// Device ids have 1 to 125 octets, because they are the payload of a ping; above 266 octets the
// token would not fit the header. The header has at most 1020 characters, and compressed terms in
// it at most 16 KiB and 4,096 elements, because it comes from unauthenticated clients. The limits
// of package etf bound other terms, ClientConfig.Queue bounds the messages that wait for a
// connection.
//
// # Deliberate differences from the original
//
// Both ends refuse funs and ports and keep pids and references as opaque terms. The server refuses
// device ids that are not strings, tokens that are not binaries, and requests with two headers,
// where the original crashes. A refused token ends in "unregistered" and an event. A failed login
// keeps the stored token. The first frame can come together with the answer 101. Waits grow and are
// random.
package fedecks
