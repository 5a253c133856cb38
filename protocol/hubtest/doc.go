// Package hubtest is a simulated NervesHub for tests and simulations, as net/http/httptest is a
// simulated web server. It speaks to devices like the real hub: the same frames in the same order,
// the same refusals, the same oddities.
//
// Two calls are what most tests need:
//
//	hub := hubtest.Run(t, hubtest.Config{Mode: hubtest.Memory}) // closed when the test ends
//	dev := hub.Device("device-1")                               // what the hub knows of it, and what an operator can do to it
//
// A device dials [Hub.URL] with the credentials of [Hub.Secret]; in memory it does so through
// [Hub.Dialer], and downloads through [Hub.RoundTripper]. Then [Device.WaitJoined],
// [Device.Update], [Device.Snapshot], and for tests that read as a conversation [Device.Converse].
// Firmware comes from [Hub.AddFirmware], [Generated] content is held nowhere; [Firmware.Inject]
// makes downloads go wrong, [Hub.Refuse], [Device.Drop], [Device.CrashChannel] and others make
// connections go wrong. [Hub.Deploy] brings a firmware to many devices.
//
// # Ownership
//
// A Hub owns its listeners, sockets and goroutines; Close ends them all and waits for them. A
// Device handle stays good for the life of the hub, over all sockets of the device. Everything may
// be called from any goroutine, except a [Conversation], which is one goroutine's.
//
// # Order
//
// What the hub sends to a device leaves in the order in which the hub's state has changed, whoever
// caused it: an answer to a join comes before every push to that channel. No call waits for a
// device that does not read; what is queued for it is bounded, and the socket is cut when there is
// too much. The protocol itself is pure code that does no I/O.
//
// # Virtual time
//
// In the mode Memory everything works inside a bubble of testing/synctest: idle timeouts, slow and
// stalled downloads, rounds of offers. The hub must be started and closed inside the bubble.
//
// # Wire
//
// Both serializations are spoken, vsn 2.0.0 (JSON) and 3.0.0 (MessagePack); [ProfileOld] answers
// 403 to the latter, as releases up to 2.4.0 do. permessage-deflate is agreed to as offered. A
// frame of the wrong kind or one that cannot be read ends the socket with 1011, text that is not
// UTF-8 with 1007, a device's close is answered with 1000 or 1002.
//
// # Limits
//
// Those of a device are NervesHub's: a request line and a header of 10,000 bytes, 50 headers,
// frames and messages of 8,000,000 bytes, 25 times the compressed size, 100 channels a socket.
// Those that its operators set have its defaults too, but for Config.HandshakeRate, which is 100 a
// second there and none here. Histories of a device are bounded, the older half goes. A hub carries
// tens of thousands of devices in a process: one goroutine each, no timer, and messages are
// recorded only where asked for.
//
// # Profiles
//
// [ProfileNew] is today's server, [ProfileSnapshot] the one that the recordings of the tests show,
// [ProfileOld] release 2.4.0. They differ in what extensions:get says, update modes, the keys of an
// offer, whether a status that nobody knows crashes the channel or no status but a "fwup error"
// means anything, the payload of phx_error, pushes without join_ref, signatures from the future,
// MessagePack, the close code of a socket that another one replaces, and the extensions.
//
// # What it does not do
//
// No users, no periodic requests to extensions, no switching off of rollouts for a device that was
// updated by hand, no deltas, no database; a join with half of the metadata is not completed from
// the firmware that the hub has. In memory there are no connections to cut: neither CutConnections
// nor HandshakeRate do anything. Requests that are no HTTP are refused by net/http, without a date.
package hubtest
