package dialplan

import "time"

// The first dial of a device that has just booted would fail for want of a network, and the backoff
// after it would still run when the network is there. The numbers are ours.
const (
	// ProbeEvery is the pause between two probes.
	ProbeEvery = time.Second
	// ProbeTime is how long the probe of one URL may take.
	ProbeTime = 2 * time.Second
	// ProbeLimit is how long the first dial waits in all. A probe may be wrong, a dial is not.
	ProbeLimit = time.Minute
)

// NetworkInput is what happened to a [Network].
type NetworkInput uint8

// What can happen to a Network.
const (
	NetworkTick    NetworkInput = iota // time has passed
	NetworkDial                        // a dial is wanted
	NetworkFound                       // the probe found a way to the hub
	NetworkMissing                     // the probe found none
)

// NetworkEffect is what a [Network] asks for.
type NetworkEffect uint8

// What a Network can ask for.
const (
	NoEffect NetworkEffect = iota // wait for the next input or for Deadline
	Probe                         // look for a way to any URL; answer NetworkFound or NetworkMissing
	// Wait: there is no network yet; show why. Step(NetworkTick) at Deadline goes on.
	Wait
	// FirstWait is Wait after the first probe: one line in the log, however long it takes.
	FirstWait
	Dial // dial now
)

// Network holds the first dial of a device back until a probe finds a network, [ProbeLimit] at
// most. Later dials are not held back. The zero Network is ready for use.
type Network struct {
	began  time.Time // of the first probe; zero: none yet
	due    time.Time // of the next probe; zero: none is planned
	probes bool      // a probe is out
	waited bool      // a probe has found nothing
	over   bool      // dials are not held back any more
}

// Skip returns a Network for a device without a probe: it holds no dial back.
func Skip() Network { return Network{over: true} }

// Over reports whether dials are not held back, now and later.
func (n *Network) Over() bool { return n.over }

// Waited reports whether a probe has found nothing.
func (n *Network) Waited() bool { return n.waited }

// Deadline returns when Step has to be called; the zero time means that no time is set.
func (n *Network) Deadline() time.Time { return n.due }

// Step takes in what happened at now and returns what to do. Every input is allowed at any time: an
// answer to no probe changes nothing, and a dial that is wanted again, because the goroutine of the
// one before ended without an answer, is probed for again.
func (n *Network) Step(now time.Time, in NetworkInput) NetworkEffect {
	n.follow(now)
	switch {
	case in == NetworkDial && n.over:
		return Dial
	case in == NetworkDial:
		if n.began.IsZero() {
			n.began = now
		}
		return n.probe()
	case in == NetworkTick && !n.due.IsZero() && !now.Before(n.due):
		return n.probe()
	case in == NetworkFound && n.probes, in == NetworkMissing && n.probes && n.late(now):
		n.probes, n.over = false, true
		return Dial
	case in == NetworkMissing && n.probes:
		first := !n.waited
		n.probes, n.waited, n.due = false, true, now.Add(ProbeEvery)
		if first {
			return FirstWait
		}
		return Wait
	}
	return NoEffect
}

func (n *Network) probe() NetworkEffect {
	n.due, n.probes = time.Time{}, true
	return Probe
}

func (n *Network) late(now time.Time) bool { return now.Sub(n.began) >= ProbeLimit }

// follow keeps the planned times in reach when the clock was set back.
func (n *Network) follow(now time.Time) {
	if now.Before(n.began) {
		n.began = now
	}
	if n.due.Sub(now) > ProbeEvery {
		n.due = now.Add(ProbeEvery)
	}
}
