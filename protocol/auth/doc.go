// Package auth is NervesHub's authentication by shared secret, both sides of it, and the clock that
// it needs.
//
// A device needs two calls: SharedSecret.Sign makes the four request headers of one attempt to
// connect, and Clock.Now says which time to sign with. A hub (the simulated one) needs Verify.
//
// Sign when dialling, not when scheduling the dial: the hub refuses a token that is older than 90
// seconds, and newer hubs one from the future. That is what Clock is for: it starts from the best
// time known to a device that may have no clock of its own, and is corrected by the Date header of
// a refusal.
//
// Everything is a pure value: no I/O, no clock, no lock. SharedSecret and Header print without
// their secrets. Signing is nearly only the 1000 rounds of PBKDF2 (135 microseconds on a server's
// core); the salt holds the time, so no key can be kept.
//
// What it does not do: client certificates (crypto/tls), sending requests, and the hub's decisions
// about keys and devices.
package auth
