package transport

import "time"

// Limits of the pongs, so that a peer that floods pings causes no flood of pongs. RFC 6455 section
// 5.5.3 allows to answer only the latest ping. The values are decisions.
const (
	pongBurst = 32
	pongEvery = 100 * time.Millisecond
)

// pace allows a burst of pongs and then a steady rate. full is the time at which the whole burst is
// available.
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
