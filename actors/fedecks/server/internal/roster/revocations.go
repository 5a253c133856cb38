package roster

import (
	"maps"
	"slices"
	"time"
)

// sweepEvery is how often forgotten revocations are looked for, because that looks at all of them.
const sweepEvery = time.Hour

// Revocations knows until when the tokens of a device are worthless. It forgets a revocation when
// the tokens that it concerns have expired.
type Revocations struct {
	keep  time.Duration // how long a token may live
	all   map[string]revocation
	swept time.Time
}

// revocation makes tokens worthless that were signed at until or before.
type revocation struct {
	until time.Time // by the clock that is most ahead in the cluster
	heard time.Time // by the clock of this node
}

// NewRevocations returns an empty list for tokens that live for keep at most.
func NewRevocations(keep time.Duration) Revocations {
	return Revocations{keep: keep, all: map[string]revocation{}}
}

// Revoke takes in at now that tokens of device signed at until or before are worthless. It reports
// whether that is news: a time that is not later than the known one changes nothing.
func (r *Revocations) Revoke(now time.Time, device string, until time.Time) bool {
	if !until.After(r.all[device].until) {
		return false
	}
	if now.Sub(r.swept) >= sweepEvery {
		r.swept = now
		maps.DeleteFunc(r.all, func(_ string, v revocation) bool { return now.Sub(v.until) > r.keep })
	}
	r.all[device] = revocation{until: until, heard: now}
	return true
}

// Until returns the time up to which tokens of device are worthless, the zero time without a
// revocation.
func (r *Revocations) Until(device string) time.Time { return r.all[device].until }

// Covers reports whether a connection of device, whose request was judged at asked, came too late:
// it was let in before the revocation was heard and joins after it.
func (r *Revocations) Covers(device string, asked time.Time) bool {
	v, ok := r.all[device]
	return ok && !asked.After(v.heard)
}

// SignAt returns the date of a token that is made at now for device: now, or later than the
// revocation, which another node may have dated by a clock that is ahead. Tokens count in
// milliseconds.
func (r *Revocations) SignAt(now time.Time, device string) time.Time {
	v, ok := r.all[device]
	if ok && !v.until.Before(now.Add(-time.Millisecond)) {
		return v.until.Add(time.Millisecond)
	}
	return now
}

// Devices returns the devices with a revocation in alphabetical order.
func (r *Revocations) Devices() []string { return slices.Sorted(maps.Keys(r.all)) }
