// Package hub has the messages between a device and NervesHub as Go types.
//
// What the hub sends is read by Parse functions from the payload of a protocol.Message:
// [ParseUpdate] for an offer of firmware, [ParseScript] for a support script, and so on. What a
// device says is made by constructors that return a [Push]: [Received], [Progress], [Failed].
// [JoinParams] and [JoinExtensions] are the payloads of the two joins.
//
// Unknown members are ignored, missing required ones are an error that says which; no input makes a
// function panic, and no error quotes the payload. Results share no memory with the payload. Texts
// to the hub are made valid UTF-8 and cut to a limit; only statuses that every hub knows can be
// made, since others crash the hub's channel.
//
// Types that carry a signed URL or the text of a script print and log without it; see [SignedURL].
//
// The package neither decides nor keeps anything. Messages of single extensions, of the console and
// of device-managed updates are not in it.
package hub
