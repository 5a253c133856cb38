package firmware

import "fmt"

// State is where a device stands in the life of an update.
type State uint8

// The states.
const (
	Idle       State = iota // nothing to do
	Starting                // the boot record was not read yet
	Deciding                // the client was asked about the offer
	Waiting                 // put off; the device asks again by itself
	Retrying                // a transfer failed and is begun anew soon
	Preparing               // the slot is opened and hashed again
	Fetching                // bytes come
	Verifying               // all bytes came; the applier judges and finishes
	Flipping                // the intent is on disk, the boot record is being written
	Flipped                 // the new firmware boots next
	Trial                   // the running firmware waits for its commit
	Committing              // the boot record is being written
	Reverting               // back to the previous firmware
	states
)

var stateNames = [states]string{
	"idle", "starting", "deciding", "waiting", "retrying", "preparing", "fetching", "verifying",
	"flipping", "flipped",
	"trial", "committing", "reverting",
}

// String returns the name of the state.
func (s State) String() string {
	if s < states {
		return stateNames[s]
	}
	return "unknown"
}

// MarshalText returns the name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name.
func (s *State) UnmarshalText(text []byte) error {
	for i, name := range stateNames {
		if name == string(text) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("state %.32q is unknown", text)
}

// durable is the state that a journal has for s: where a restart begins again.
func (s State) durable() State {
	switch s {
	case Retrying, Preparing, Fetching, Verifying:
		return Fetching
	case Committing:
		return Trial
	case Starting:
		return Idle
	default:
		return s
	}
}

// busy reports whether an offer was taken and is not done with.
func (s State) busy() bool { return s == Deciding || s >= Retrying && s <= Flipped }

// set is some of the states.
type set uint32

func in(list ...State) (s set) {
	for _, state := range list {
		s |= 1 << state
	}
	return s
}

func but(list ...State) set { return 1<<states - 1 - in(list...) }

// everywhere is all states.
const everywhere set = 1<<states - 1

// row says what input does in some of the states.
type row struct {
	in    set
	input InputKind
	do    func(*Machine, Input)
}

// rows is the life of an update: every state answers every input exactly once. What an answer does
// about the next state stands there.
var rows = []row{
	{in(Starting), Started, (*Machine).start},
	{but(Starting), Started, nothing},

	{in(Idle, Waiting), Offered, (*Machine).consider},
	{in(Committing), Offered, (*Machine).hold},
	{in(Starting), Offered, (*Machine).refuseBlind},
	{in(Trial, Reverting), Offered, (*Machine).refuseTrial},
	{but(Idle, Waiting, Committing, Starting, Trial, Reverting), Offered, (*Machine).refuseBusy},

	{in(Deciding), Decided, (*Machine).decided},
	{but(Deciding), Decided, nothing}, // too late, or twice

	{in(Preparing), Prepared, (*Machine).prepared},
	{but(Preparing), Prepared, nothing}, // of a transfer that was given up, as below
	{in(Fetching), AttemptStarted, (*Machine).attemptStarted},
	{but(Fetching), AttemptStarted, nothing},
	{in(Fetching, Verifying), Advanced, (*Machine).advanced},
	{but(Fetching, Verifying), Advanced, nothing},
	{in(Fetching), Fetched, (*Machine).fetched},
	{but(Fetching), Fetched, nothing},
	{in(Fetching), FetchFailed, (*Machine).fetchFailed},
	{but(Fetching), FetchFailed, nothing},
	{in(Verifying), Applied, (*Machine).applied},
	{but(Verifying), Applied, nothing},
	{in(Preparing, Fetching, Verifying), ApplyFailed, (*Machine).applyFailed},
	{but(Preparing, Fetching, Verifying), ApplyFailed, nothing},
	{in(Preparing, Fetching, Verifying), TransferLost, (*Machine).transferLost},
	{but(Preparing, Fetching, Verifying), TransferLost, nothing},

	{
		in(Deciding, Retrying, Preparing, Fetching, Verifying, Flipping),
		PersistFailed,
		(*Machine).persistFailed,
	},
	{
		but(Deciding, Retrying, Preparing, Fetching, Verifying, Flipping),
		PersistFailed,
		nothing,
	}, // nothing there is a Must

	{in(Flipping), FlipDone, (*Machine).flipDone},
	{but(Flipping), FlipDone, nothing},
	{in(Committing), CommitDone, (*Machine).commitDone},
	{but(Committing), CommitDone, nothing},
	{in(Reverting), RevertDone, (*Machine).revertDone},
	{but(Reverting), RevertDone, nothing},

	{in(Trial), CommitWanted, (*Machine).commit},
	{in(Committing), CommitWanted, nothing}, // CommitDone answers all
	{in(Flipping, Flipped), CommitWanted, (*Machine).refuseCommitFlipped},
	{in(Reverting), CommitWanted, (*Machine).refuseCommitReverting},
	{in(Starting), CommitWanted, (*Machine).refuseCommitBlind},
	{
		but(Trial, Committing, Flipping, Flipped, Reverting, Starting),
		CommitWanted,
		(*Machine).committedAlready,
	},

	{in(Flipping), RebootWanted, nothing}, // it reboots anyway
	{but(Flipping), RebootWanted, (*Machine).rebootWanted},

	{in(Trial), ChannelUp, (*Machine).channelUpOnTrial},
	{but(Trial), ChannelUp, (*Machine).channelUp},
	{everywhere, ChannelDown, (*Machine).channelDown},
	{everywhere, Written, (*Machine).written},
	{everywhere, Confirmed, (*Machine).confirmed},

	{in(Starting), Tick, (*Machine).inspect},
	{in(Deciding), Tick, (*Machine).decideTimeout},
	{in(Waiting), Tick, (*Machine).askAgain},
	{in(Retrying), Tick, (*Machine).prepare},
	{in(Trial), Tick, (*Machine).trialTick},
	{but(Starting, Deciding, Waiting, Retrying, Trial), Tick, nothing}, // has no deadline of its own
}

// table finds the answer: the first row that has state and input.
var table = index(rows)

func index(rows []row) (t [states][inputs]func(*Machine, Input)) {
	for state := range states {
		for _, r := range rows {
			if r.in&(1<<state) != 0 && t[state][r.input] == nil {
				t[state][r.input] = r.do
			}
		}
	}
	return t
}

func nothing(*Machine, Input) {}
