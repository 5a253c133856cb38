// Package actors is the device agent: one supervision tree that keeps a device connected to its
// NervesHub, takes updates over the air, and carries the device's extensions.
//
// Most programs need two calls: [New], which checks a [Config] and wires a [Device], and
// [Device.Run], which starts it and blocks until it ends. [Device.Start], [Device.Wait] and
// [Device.Stop] are Run in parts, for a service that embeds the agent under its own lifecycle, and
// [Config.System] puts it under the service's own actor system.
//
// # The tree
//
//	device-<id>                one_for_one   3 in 60 s
//	├─ client                  runs the embedder's callbacks
//	├─ extensions              dynamic: <name>, temporary, 3 in 30 s ── <name>
//	├─ update                  rest_for_one  3 in 60 s
//	│  ├─ updater              reads the journal when it starts
//	│  └─ transfers            from the first update on; dynamic: downloader, applier; temporary
//	└─ link                    one_for_one   5 in 30 s
//	   ├─ connection           keeps the socket in its heir slot
//	   ├─ channel/device
//	   └─ channel/extensions   when there are extensions
//
// Every actor is thin: it owns a pure core (protocol.Socket, protocol.Channel, firmware.Machine),
// feeds it messages and carries out its effects in order. What it may use stands in its door, a
// small struct that tree.go fills. A supervisor restarts an actor that crashes, and the socket
// survives each of these crashes: connection's next incarnation adopts the link value of the
// previous one, with every frame that was not handled yet and every effect that was decided but not
// carried out.
//
// # Messages
//
// Messages are plain values, immutable after Send, delivered at most once and in order per pair of
// actors. Each is documented at its type, with its sender and what happens when it is lost: those
// that cross rooms in internal/message, those inside a room (in lower case) there. What an actor
// sends to itself, timers and the next piece of long work, is not in the table.
//
//	from                to                  messages
//	reader, dialer      connection          wake
//	channels            connection          AskLink, Transmit, DeviceJoined, Reconnect
//	connection          channels            LinkState, Sent, Delivered, Confirmed
//	channel/device      updater             Offered, ChannelUp, ChannelDown, AskParams, ReportWritten,
//	                                        ReportConfirmed, RebootWanted
//	updater             channel/device      JoinParams, AskChannel, Push
//	channel/device      channel/extensions  ExtensionsPending, ExtensionsOffered
//	channel/extensions  channel/device      AskOffered
//	channel/extensions  <extension>         ExtensionAttached, ExtensionDetached, ExtensionMessage, ExtensionSent
//	<extension>         channel/extensions  ExtensionReady, ExtensionPush, ExtensionHung
//	updater             applier             (its child spec), finish, flip
//	applier             updater             prepared, fetchesItself, advanced, applied, applyFailed, flipEnded
//	updater             downloader          (its child spec)
//	downloader          updater             attemptStarted, fetched, fetchFailed
//	downloader          applier             chunk, rewind
//	applier             downloader          more
//	errands             updater             errand.Done, with transferUp
//	errands             channel/extensions  errand.Done, with extensionStarted
//	updater             client              Decide, TellProgress, TellError, DoReboot
//	channel/device      client              TellConnected, TellDisconnected, TellIdentify
//	client              updater             Decided
//	client              connection          Hangup
//	Device              connection          Reconnect
//	Device              updater             CommitWanted, RebootWanted
//
// # Ownership and limits
//
// A Device owns what it starts and nothing that it is given: Slots, Applier, Journal and System
// belong to the embedder and are used until Stop returns. [Config.OnEvent] is called synchronously
// and must not block; [Client] callbacks may take their time. The memory of an update does not
// depend on the size of the firmware. The package opens no file and starts no process unless the
// config asks for it, with [FileJournal] or [FileClock].
package actors
