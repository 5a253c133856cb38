package channels

import "time"

// offerPatience is how long after the device's join an `extensions:get` is waited for before the
// channel joins without one (extensions protocol of the hub: join anyway after 5 s).
const offerPatience = 5 * time.Second

// offer is a core: what the hub offers on this socket in `extensions:get`, and how long that is
// waited for. The zero value waits for nothing.
type offer struct {
	known      bool // the channel has been told to join
	advertised map[string][]string
	until      time.Time // zero: not waiting
}

// pending begins to wait, unless the offer is known.
func (o *offer) pending(now time.Time) {
	if !o.known {
		o.until = now.Add(offerPatience)
	}
}

// due reports whether the wait is over without an offer.
func (o *offer) due(now time.Time) bool { return !o.until.IsZero() && !now.Before(o.until) }

// take takes in an offer and reports whether it is the first one on this socket. Nil means that the
// hub lists nothing.
func (o *offer) take(advertised map[string][]string) (first bool) {
	first = !o.known
	*o = offer{known: true, advertised: advertised}
	return first
}
