package server

import (
	"maps"
	"time"
)

// revocation is what is remembered of a device whose tokens were made worthless.
type revocation struct {
	until time.Time // tokens made until then
	heard time.Time // when that was told here: who was let in before and comes later is too late
}

// revoke makes tokens until a time worthless, in microseconds of Unix time, marks the sessions of
// the device, and gives those that were not marked. A time that is not later than what is known
// changes nothing.
func (r *registry) revoke(device string, micros int64) (marked []*Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	until := time.UnixMicro(micros)
	if !until.After(r.revoking[device].until) {
		return nil
	}
	r.forget(time.Now())
	r.revoking[device] = revocation{until: until, heard: time.Now()}
	for _, s := range r.devices[device] {
		if !s.revoked {
			s.revoked = true
			marked = append(marked, s)
		}
	}
	return marked
}

// forget drops revocations of tokens that have expired since, once an hour because it looks at all;
// mu is held.
func (r *registry) forget(now time.Time) {
	if now.Sub(r.swept) < time.Hour {
		return
	}
	r.swept = now
	maps.DeleteFunc(
		r.revoking,
		func(_ string, rev revocation) bool { return now.Sub(rev.until) > r.keep },
	)
}

// revoked is until when tokens of a device are worthless; the zero time: none is.
func (r *registry) revoked(device string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.revoking[device].until
}

// signAt is when a token of a session is made. After a revocation that is later than the
// revocation, whose time is of the clock that is most ahead in the cluster.
func (r *registry) signAt(s *Session) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if rev, ok := r.revoking[s.device]; ok &&
		!rev.until.Before(now.Add(-time.Millisecond)) { // tokens count in milliseconds
		now = rev.until.Add(time.Millisecond)
	}
	return now
}

// trusted says whether a session may be given a token that was just made. Asked afterwards, so that
// none escapes: a token that was made before the revocation is worthless, and this refuses all
// later ones.
func (r *registry) trusted(s *Session) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !s.revoked
}

// announceRevoked tells the cluster that tokens of a device are worthless now.
func (r *registry) announceRevoked(device string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.link != nil {
		r.link(revoking{device: device})
	}
}
