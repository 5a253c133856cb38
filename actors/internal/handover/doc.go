// Package handover keeps what channel/device and the updater hand to each other, so that a crash of
// one of them neither loses nor repeats it.
//
// [Reports] records which update report went out under which ref of the socket, and tells from the
// answered heartbeats which reports have arrived: the hub does not acknowledge a report. [Offer]
// keeps an offer of the hub until the updater has recorded it, and drops an offer over which the
// updater crashes.
//
// The package is a core: it reads no clock and does no I/O. Both values belong to one incarnation
// of channel/device; what a crash of that actor loses comes back with its next join.
package handover
