// Package hubtest is a simulated NervesHub for tests and simulations, as net/http/httptest is a
// simulated web server. It speaks to devices like the real hub: the same frames in the same order,
// the same refusals, the same oddities.
//
// Two calls are what most tests need:
//
//	hub := hubtest.Run(t, hubtest.Config{Mode: hubtest.Memory}) // closed when the test ends
//	dev := hub.Device("device-1")                               // the operator's side of it
//
// A device dials [Hub.URL] with the credentials of [Hub.Secret]; in memory it dials with
// [Hub.Dialer] and downloads with [Hub.RoundTripper]. What an operator does is grouped by concern:
//
//	hub.Firmware().Add, OfferArchive      files that the hub serves; Firmware.Inject makes them fail
//	hub.Rollouts().Start                  a firmware for many devices
//	hub.Door().Refuse, CutConnections     answers to devices that want to come in
//	hub.Net().Close, Drop, Drain          the sockets of all devices
//	dev.Net().Close, Drop, Kick           the socket of one device
//	dev.Channel("device").Push, Crash     one channel of one device
//	dev.Update().Offer, WaitStatus        its updates
//	dev.Extensions().Ask, WaitReport      its extensions; Config.Custom adds extensions of your own
//	dev.Scripts().Run                     support scripts and connecting code
//	dev.Console(), dev.Extensions().Shell()
//
// [Device.WaitJoined], [Device.Wait] and [Device.Snapshot] observe a device, and [Device.Converse]
// lets a test read as a conversation. [Generated] content needs no memory.
//
// # Ownership
//
// A Hub owns its listeners, sockets and goroutines; Close ends them all and waits for them. A
// Device handle stays good for the life of the hub, over all sockets of the device. Everything may
// be called from any goroutine, except a [Conversation], which belongs to one goroutine.
//
// # Order
//
// Messages to a device leave in the order in which the hub's state has changed, whatever caused the
// change: an answer to a join comes before every push to that channel. No call waits for a device
// that does not read; the queue for it is bounded, and the hub cuts the socket when the queue is
// full. The protocol itself is pure code without I/O.
//
// # Virtual time
//
// In the mode Memory everything works inside a bubble of testing/synctest: idle timeouts, slow and
// stalled downloads, rounds of offers. The hub must be started and closed inside the bubble.
//
// # Wire
//
// The hub speaks both serializations, vsn 2.0.0 (JSON) and 3.0.0 (MessagePack); [ProfileOld]
// answers 403 to the latter, as releases up to 2.4.0 do. It accepts permessage-deflate (RFC 7692)
// as offered. A frame of the wrong kind or one that cannot be decoded ends the socket with 1011,
// text that is not UTF-8 with 1007; a device's close is answered with 1000 or 1002.
//
// # Limits
//
// The limits of a device are NervesHub's: a request line and a header of 10,000 bytes, 50 headers,
// frames and messages of 8,000,000 bytes, 25 times the compressed size, 100 channels a socket. The
// limits that an operator sets have NervesHub's defaults, except for Limits.HandshakeRate, which is
// 100 a second there and off here. Histories of a device are bounded: when one is full, its older
// half is dropped. A hub carries tens of thousands of devices in a process: one goroutine each, no
// timer, and messages are recorded only on request.
//
// # Profiles
//
// [ProfileNew] is today's server, [ProfileSnapshot] the one that the recordings of the tests show,
// [ProfileOld] release 2.4.0. They differ in the content of extensions:get, update modes, the keys
// of an offer, whether an unknown status crashes the channel or only a "fwup error" has a meaning,
// the payload of phx_error, pushes without join_ref, signatures from the future, MessagePack, the
// close code of a socket that another one replaces, and the extensions.
//
// # What it does not do
//
// No users, no periodic requests to extensions, no switching off of rollouts for a device that was
// updated by hand, no deltas, no database; a join with half of the metadata is not completed from
// the firmware that the hub has. In memory there are no connections to cut: Door.CutConnections and
// Limits.HandshakeRate have no effect. net/http refuses requests that are not HTTP, without a date.
package hubtest
