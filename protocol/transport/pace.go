package transport

import "time"

// A peer that sends pings without end must not make us send without end. RFC 6455 section 5.5.3
// lets us leave out pongs.
const (
	pongBurst = 32
	pongEvery = 100 * time.Millisecond
)

// pace allows a burst of pongs and then one at a time. It holds the time at which the whole burst
// is available again.
type pace struct{ full time.Time }

func (p *pace) allow(now time.Time) bool {
	if p.full.Before(now) {
		p.full = now
	}
	if p.full.Sub(now) > (pongBurst-1)*pongEvery {
		return false
	}
	p.full = p.full.Add(pongEvery)
	return true
}
