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
//	│  └─ transfers            dynamic: downloader, applier; temporary, watched by updater
//	└─ link                    one_for_one   5 in 30 s
//	   ├─ connection           keeps the socket in its heir slot
//	   ├─ channel/device
//	   └─ channel/extensions   when there are extensions
//
// Every actor is thin: it owns a pure core (protocol.Socket, protocol.Channel, firmware.Machine),
// feeds it messages and carries out its effects in order. A crash of any of them is healed by its
// supervisor, and none of them costs the socket: connection's next incarnation adopts the link
// value of the previous one, with every frame that was not handled yet and every effect that was
// decided but not carried out.
//
// # Messages
//
// Messages are plain values, immutable after Send, delivered at most once and in order per pair of
// actors. Each is documented at its type, with its sender and what happens when it is lost. What an
// actor sends to itself, timers and the next piece of long work, is not in the table.
//
//	from                  to                    messages
//	reader, dialer        connection            wake
//	channels              connection            askLink, transmit, deviceJoined, reconnect
//	connection            channels              linkState, sent, delivered, confirmed
//	channel/device        updater               offered, channelUp, channelDown, askParams, reportWritten, reportConfirmed, rebootWanted
//	updater               channel/device        joinParams, askChannel, push
//	channel/device        channel/extensions    extensionsPending, extensionsOffered
//	channel/extensions    channel/device        askOffered
//	channel/extensions    <extension>           extensionAttached, extensionDetached, extensionMessage
//	<extension>           channel/extensions    extensionReady, extensionPush
//	updater               applier               (its child spec), finish
//	applier               updater               prepared, advanced, applied, applyFailed
//	updater               downloader            (its child spec)
//	downloader            updater               attemptStarted, fetched, fetchFailed
//	downloader            applier               chunk, rewind
//	applier               downloader            more
//	errands               updater, channel/extensions  errandDone, with transferUp or extensionStarted
//	updater               client                decide, tellProgress, tellError, doReboot
//	channel/device        client                tellConnected, tellDisconnected, tellIdentify
//	client                updater               decided
//	client                connection            hangup
//	Device                connection, updater   reconnect, commitWanted, rebootWanted
//
// # Ownership and limits
//
// A Device owns what it starts and nothing that it is given: Slots, Applier, Journal and System
// belong to the embedder and are used until Stop returns. [Config.OnEvent] is called synchronously
// and must not block; [Client] callbacks may take their time. The memory of an update does not
// depend on the size of the firmware. The package opens no file and starts no process of its own
// accord; [FileJournal] and [FileClock] do what their names say.
package actors
