package dialplan

import (
	"net/url"
	"time"

	"github.com/hublink-go/hublink/protocol"
)

// URLs chooses which of the hub's URLs is dialled. It keeps a URL that works. A URL that fails
// gives way to the next in turn, and is left alone for as long as its Retry-After asks (RFC 9110
// section 10.2.3). That wish does not delay the dial of another URL.
type URLs struct {
	all  []*url.URL
	at   int
	rest []time.Time // until when each of all is left alone; nil: none has asked
}

// NewURLs returns the choice among all, which starts with the first. There must be at least one.
func NewURLs(all []*url.URL) URLs { return URLs{all: all} }

// All returns all URLs; the caller must not change the slice.
func (u *URLs) All() []*url.URL { return u.all }

// Current returns the URL to dial; the caller must not change it.
func (u *URLs) Current() *url.URL { return u.all[u.at] }

// Failed takes in that the dial of Current failed at now, and that the hub asked for a pause of
// after, 0 when it did not. It moves on to the next URL that may be dialled and returns 0. When all
// URLs are to be left alone it moves on to the one whose pause ends first and returns the rest of
// that pause. No pause is longer than [protocol.RetryAfterMax].
func (u *URLs) Failed(now time.Time, after time.Duration) time.Duration {
	if after > 0 {
		// copied: a caller that works on a copy of u must not change the original
		u.rest = append(make([]time.Time, 0, len(u.all)), u.rest...)[:len(u.all)]
		u.rest[u.at] = now.Add(min(after, protocol.RetryAfterMax))
	}
	first := u.at
	var soonest time.Duration
	for i := range u.all {
		next := (first + 1 + i) % len(u.all)
		pause := u.pause(next, now)
		if i == 0 || pause < soonest {
			u.at, soonest = next, pause
		}
		if soonest == 0 {
			break
		}
	}
	return soonest
}

// pause returns how long the i-th URL is still to be left alone. A longer pause than the maximum
// comes from a clock that was set back.
func (u *URLs) pause(i int, now time.Time) time.Duration {
	if u.rest == nil {
		return 0
	}
	return min(max(0, u.rest[i].Sub(now)), protocol.RetryAfterMax)
}
