package handover

import "github.com/hublink-go/hublink/firmware"

// MaxPassed is how often the updater is given one offer. An updater that crashes over it twice
// would crash again, and its supervisor would give up in the end. The number is ours.
const MaxPassed = 2

// Verdict is what to do with an offer.
type Verdict uint8

// What can be done with an offer.
const (
	Nothing Verdict = iota // there is no offer
	Pass                   // give the offer to the updater
	// Drop: the updater was given the offer MaxPassed times and recorded it never. The hub has to be
	// told that the update failed.
	Drop
)

// Offer keeps the offer of the hub that the updater has not yet recorded. The zero Offer is empty.
type Offer struct {
	offer  *firmware.Offer // nil: none
	passed int             // how often the updater was given it
}

// Set keeps o in place of the offer before it and starts to count anew.
func (f *Offer) Set(o *firmware.Offer) { f.offer, f.passed = o, 0 }

// Clear drops the offer: the updater has recorded it, which its first report proves, or the channel
// has joined anew and the hub offers again.
func (f *Offer) Clear() { f.offer, f.passed = nil, 0 }

// Next returns what to do when an offer came in or the updater has (re)started. Pass counts as
// given to the updater. Drop empties f.
func (f *Offer) Next() (*firmware.Offer, Verdict) {
	switch o := f.offer; {
	case o == nil:
		return nil, Nothing
	case f.passed < MaxPassed:
		f.passed++
		return o, Pass
	default:
		f.Clear()
		return o, Drop
	}
}
