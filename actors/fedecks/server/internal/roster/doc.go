// Package roster is the core of a server's registry: which device is connected, here and on other
// nodes of the cluster, which connection subscribed to which topic, and whose tokens were revoked.
//
// [Roster] has the rules of the registry and reports when a device comes or leaves. [Revocations]
// has those of revocation: which token counts, which connection may not go on, and when a new token
// has to be dated.
//
// The package is a core: it is told the time, has no lock and does no I/O. The registry of the
// server calls it under its lock and carries out what it returns.
package roster
