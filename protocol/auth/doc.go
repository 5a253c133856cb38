// Package auth is NervesHub's authentication by shared secret (headers x-nh-alg, x-nh-key,
// x-nh-time and x-nh-signature) for device and hub, and the clock that it needs.
//
// A device needs two calls: SharedSecret.Sign returns the four request headers of one attempt to
// connect, and Clock.Now returns the time to sign with. The simulated hub needs Verify.
//
// A device signs when it dials, not when it plans the dial: the hub refuses a token that is older
// than 90 seconds, and newer hubs refuse one from the future. Clock starts from the best time that
// a device without a clock knows, and the Date header of a refusal corrects it.
//
// All types are plain values without I/O, clock and lock. SharedSecret and Header print without
// their secrets. Signing takes 1000 rounds of PBKDF2 (135 microseconds on a server's core); the
// salt contains the time, so no key can be cached.
//
// The package has no client certificates (crypto/tls), sends no requests, and leaves the decisions
// about keys and devices to the hub.
package auth
