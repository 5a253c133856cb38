// Package resend numbers what a channel actor gives to the connection actor, so that a message
// survives a crash of either of the two and none is sent twice.
//
// The channel keeps a [Window]: every transmission from the moment it is handed over until the
// connection reports that it went out. The connection keeps one [Taken] for each topic, in the
// value that outlives its crashes: the tag of the last transmission that it took over. After a
// crash the connection reports that tag, and the channel sends again what lies behind it.
//
// The package is a core: it reads no clock and does no I/O. A [Window] belongs to one incarnation
// of a channel actor. A new incarnation starts with an empty one and tells the connection, which
// calls [Taken.Restart].
package resend
