package hubtest

import (
	"cmp"
	"sync"
	"time"
)

// Refusal is an operator's answer to upgrade requests.
type Refusal struct {
	Status     int
	Reason     string // header nh-connection-error-reason and body
	Location   string
	RetryAfter time.Duration // to the second
	Times      int           // how many requests; zero: one, negative: all
}

// Door holds the operator's switches in front of the hub; see [Hub.Door]. They apply to all
// devices.
type Door struct {
	mu         sync.Mutex
	refusals   []Refusal
	cut        int // connections to drop before TLS
	rate       int // connections a second; zero: no limit
	noSecrets  bool
	noPlatform bool
}

// Refuse answers the next upgrade requests of all devices with r. Refusals come one after the
// other.
func (d *Door) Refuse(r Refusal) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r.Times = cmp.Or(r.Times, 1)
	d.refusals = append(d.refusals, r)
}

// Admit takes back the refusals and cuts that are left.
func (d *Door) Admit() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refusals, d.cut = nil, 0
}

// CutConnections drops the next n TCP connections before TLS or HTTP, as NervesHub's rate limit
// does. It has no effect in memory.
func (d *Door) CutConnections(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut = n
}

// SetHandshakeRate changes Limits.HandshakeRate.
func (d *Door) SetHandshakeRate(perSecond int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rate = max(0, perSecond)
}

// DoorState is the state of the operator's switches.
type DoorState struct {
	HandshakeRate int  // zero: no limit
	Secrets       bool // are accepted
	PlatformDown  bool
	Refusals      int // calls of Refuse that are not used up
	Cuts          int // connections that will be cut
}

// State returns the state of the switches.
func (d *Door) State() DoorState {
	d.mu.Lock()
	defer d.mu.Unlock()
	return DoorState{
		HandshakeRate: d.rate, Secrets: !d.noSecrets, PlatformDown: d.noPlatform,
		Refusals: len(d.refusals), Cuts: d.cut,
	}
}

// AcceptSecrets switches shared secrets off or on again.
func (d *Door) AcceptSecrets(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.noSecrets = !on
}

// PlatformDown makes the hub answer 503 to requests that need authentication.
func (d *Door) PlatformDown(down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.noPlatform = down
}

// outages reports whether shared secrets and the platform are switched off.
func (d *Door) outages() (noSecrets, noPlatform bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.noSecrets, d.noPlatform
}

// cutNext reports whether the next connection is to be dropped, and counts it.
func (d *Door) cutNext() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cut == 0 {
		return false
	}
	d.cut--
	return true
}

func (d *Door) handshakeRate() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rate
}

// refuseNext returns the refusal for the next upgrade request, and counts it. False means none.
func (d *Door) refuseNext() (Refusal, bool) {
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
