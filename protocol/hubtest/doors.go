package hubtest

import (
	"cmp"
	"sync"
	"time"
)

// Refusal is an answer to an upgrade request that the operator wants given.
type Refusal struct {
	Status     int
	Reason     string // header nh-connection-error-reason and body
	Location   string
	RetryAfter time.Duration // to the second
	Times      int           // how many requests; zero: one, negative: all
}

// doors are the operator's switches in front of the hub.
type doors struct {
	mu         sync.Mutex
	refusals   []Refusal
	cut        int // connections to drop before TLS
	rate       int // connections a second; zero: no limit
	noSecrets  bool
	noPlatform bool
}

// Refuse answers the next upgrade requests like this, whoever asks. Refusals come one after the
// other.
func (h *Hub) Refuse(r Refusal) {
	h.doors.mu.Lock()
	defer h.doors.mu.Unlock()
	r.Times = cmp.Or(r.Times, 1)
	h.doors.refusals = append(h.doors.refusals, r)
}

// Admit takes back what Refuse and CutConnections have left over.
func (h *Hub) Admit() {
	h.doors.mu.Lock()
	defer h.doors.mu.Unlock()
	h.doors.refusals, h.doors.cut = nil, 0
}

// CutConnections drops the next n TCP connections before TLS or HTTP, as NervesHub's rate limit
// does. It has no effect in memory.
func (h *Hub) CutConnections(n int) {
	h.doors.mu.Lock()
	defer h.doors.mu.Unlock()
	h.doors.cut = n
}

// SetHandshakeRate changes Config.HandshakeRate.
func (h *Hub) SetHandshakeRate(perSecond int) {
	h.doors.mu.Lock()
	defer h.doors.mu.Unlock()
	h.doors.rate = max(0, perSecond)
}

// Doors says how the operator's switches stand.
func (h *Hub) Doors() Doors {
	d := &h.doors
	d.mu.Lock()
	defer d.mu.Unlock()
	return Doors{
		HandshakeRate: d.rate,
		Secrets:       !d.noSecrets,
		PlatformDown:  d.noPlatform,
		Refusals:      len(d.refusals),
		Cuts:          d.cut,
	}
}

// Doors are the operator's switches in front of the hub.
type Doors struct {
	HandshakeRate int  // zero: no limit
	Secrets       bool // are accepted
	PlatformDown  bool
	Refusals      int // calls of Refuse that are not used up
	Cuts          int // connections that will be cut
}

// AcceptSecrets switches shared secrets off or on again.
func (h *Hub) AcceptSecrets(on bool) {
	h.doors.mu.Lock()
	defer h.doors.mu.Unlock()
	h.doors.noSecrets = !on
}

// PlatformDown makes the hub answer 503 to whoever wants to be authenticated.
func (h *Hub) PlatformDown(down bool) {
	h.doors.mu.Lock()
	defer h.doors.mu.Unlock()
	h.doors.noPlatform = down
}

func (d *doors) cutNext() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cut == 0 {
		return false
	}
	d.cut--
	return true
}

func (d *doors) handshakeRate() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rate
}

func (d *doors) refuseNext() (Refusal, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.refusals) == 0 {
		return Refusal{}, false
	}
	r := d.refusals[0]
	if d.refusals[0].Times--; d.refusals[0].Times == 0 {
		d.refusals = d.refusals[1:]
	}
	return r, true
}
