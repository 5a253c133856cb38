// Package hub has the messages between a device and NervesHub as Go types (NervesHub device channel
// and extensions channel, device_api_version 2.3.0).
//
// Parse functions read the hub's messages from the payload of a protocol.Message: [ParseUpdate] an
// offer of firmware, [ParseScript] a support script, and so on. Constructors return the device's
// messages as a [Push]: [Received], [Progress], [Failed]. [JoinParams] and [JoinExtensions] are the
// payloads of the two joins.
//
// Parse functions ignore unknown members; the error for a missing one names it. No input makes them
// panic, no error quotes the payload, and results share no memory with it. Constructors send texts
// as valid UTF-8, cut to a limit. They exist only for the statuses that every hub knows, because
// any other status crashes the hub's channel.
//
// Types with a signed URL or the text of a script print and log without it; see [SignedURL].
//
// The package has no state and decides nothing. It has no messages of single extensions, of the
// console or of device-managed updates.
package hub
