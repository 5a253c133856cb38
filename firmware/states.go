package firmware

import "fmt"

// State is where a device stands in the life of an update.
type State uint8

// The states.
const (
	Idle       State = iota // nothing to do
	Starting                // the boot record was not read yet
	Deciding                // the client was asked about the offer
	Waiting                 // the offer was put off; the client is asked again later
	Retrying                // a transfer failed; another try begins soon
	Preparing               // the applier opens and hashes what an earlier try has written
	Fetching                // bytes come
	Verifying               // all bytes came; the applier judges and finishes
	Flipping                // the intent is on disk, the flip is being done
	Flipped                 // the new firmware boots next
	Trial                   // the running firmware waits for its commit
	Committing              // the boot record is being written
	Reverting               // the device leaves the running firmware, or the one that boots next
	states
)

var stateNames = [states]string{
	"idle", "starting", "deciding", "waiting", "retrying", "preparing", "fetching", "verifying",
	"flipping", "flipped", "trial", "committing", "reverting",
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

// durable returns the state that a journal has for s: where a restart continues.
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

// busy reports whether an update is under way: its offer was taken and has not ended.
func (s State) busy() bool { return s == Deciding || s >= Retrying && s <= Flipped }

// set is a set of states.
type set uint32

func in(list ...State) (s set) {
	for _, state := range list {
		s |= 1 << state
	}
	return s
}

func but(list ...State) set { return 1<<states - 1 - in(list...) }

// has reports whether s has the state.
func (s set) has(state State) bool { return s&(1<<state) != 0 }

const (
	everywhere set = 1<<states - 1 // every state
	same       set = 0             // no state follows: the state stays as it is
)

// handler handles one input and returns what another part has to do.
type handler func(*Machine, Input) next

// row is what one input does in some of the states, and which other states may follow.
type row struct {
	in    set
	input inputKind
	to    set
	do    handler
}

// rows is the life of an update: every state answers every input exactly once.
var rows = []row{
	{in(Starting), started, but(Starting, Retrying, Fetching, Verifying, Flipping), (*Machine).start},
	{but(Starting), started, same, nothing},

	{in(Idle), offered, in(Deciding), onOffer((*update).consider)},
	{in(Waiting), offered, in(Deciding, Idle), onOffer((*update).consider)},
	{in(Committing), offered, same, answerOffer((*offers).hold)},
	{in(Starting), offered, same, answerOffer((*offers).refuseUnreadable)},
	{in(Trial, Reverting), offered, same, answerOffer((*offers).refuseOnTrial)},
	{
		but(Idle, Waiting, Committing, Starting, Trial, Reverting), offered, same,
		answerOffer((*offers).refuseBusy),
	},

	{in(Deciding), decided, in(Preparing, Waiting, Idle), onUpdate((*update).decided)},
	{but(Deciding), decided, same, nothing}, // too late, or twice

	{in(Preparing), prepared, in(Fetching, Verifying), onTransfer((*transfer).prepared)},
	{but(Preparing), prepared, same, nothing}, // of a try that has ended, as below
	{in(Preparing), fetchesItself, in(Verifying), onTransfer((*transfer).fetchesItself)},
	{but(Preparing), fetchesItself, same, nothing},
	{in(Fetching), attemptStarted, same, onTransfer((*transfer).attemptStarted)},
	{but(Fetching), attemptStarted, same, nothing},
	{in(Fetching, Verifying), advanced, same, onTransfer((*transfer).advanced)},
	{but(Fetching, Verifying), advanced, same, nothing},
	{in(Fetching), fetched, in(Verifying), onTransfer((*transfer).fetched)},
	{but(Fetching), fetched, same, nothing},
	{in(Fetching), fetchFailed, in(Idle), onTransfer((*transfer).fetchFailed)},
	{but(Fetching), fetchFailed, same, nothing},
	{in(Verifying), applied, in(Flipping), onTransfer((*transfer).applied)},
	{but(Verifying), applied, same, nothing},
	{transferring, applyFailed, in(Retrying, Idle), onTransfer((*transfer).applyFailed)},
	{^transferring & everywhere, applyFailed, same, nothing},
	{transferring, transferLost, in(Retrying, Idle), onTransfer((*transfer).lost)},
	{^transferring & everywhere, transferLost, same, nothing},

	{
		in(Deciding, Retrying, Preparing, Fetching, Verifying, Flipping), persistFailed, in(Idle),
		onUpdate((*update).persistFailed),
	},
	{
		but(Deciding, Retrying, Preparing, Fetching, Verifying, Flipping), persistFailed, same,
		nothing,
	}, // no step of these states has a Must

	{in(Flipping), flipDone, in(Flipped, Idle, Trial, Committing), onUpdate((*update).flipDone)},
	{but(Flipping), flipDone, same, nothing},
	{in(Committing), commitDone, in(Idle, Trial, Deciding), onTrial((*trial).commitDone)},
	{but(Committing), commitDone, same, nothing},
	{in(Reverting), revertDone, in(Idle, Trial, Committing), onTrial((*trial).revertDone)},
	{but(Reverting), revertDone, same, nothing},

	{in(Trial), commitWanted, in(Committing), onTrial((*trial).commit)},
	{in(Committing), commitWanted, same, nothing}, // the answer to commitDone answers this one too
	{in(Flipping, Flipped), commitWanted, same, answerCommit(errCommitFlipped)},
	{in(Reverting), commitWanted, same, answerCommit(errCommitReverting)},
	{in(Starting), commitWanted, same, answerCommit(errUnreadable)},
	{
		but(Trial, Committing, Flipping, Flipped, Reverting, Starting), commitWanted, same,
		answerCommit(nil),
	},

	{in(Flipping), rebootWanted, same, nothing}, // a reboot follows the flip
	{but(Flipping), rebootWanted, same, onReboot},

	{in(Trial), channelUp, in(Committing), onJoin},
	{but(Trial), channelUp, same, onJoin},
	{everywhere, channelDown, same, onLeave},
	{everywhere, written, same, onWritten},
	{everywhere, confirmed, same, onConfirmed},

	{in(Starting), tick, same, onInspect},
	{in(Deciding), tick, in(Preparing), onUpdate((*update).tick)},
	{in(Waiting), tick, in(Deciding), onUpdate((*update).tick)},
	{in(Retrying), tick, in(Preparing), onUpdate((*update).tick)},
	{in(Trial), tick, in(Committing, Reverting), onTrial((*trial).tick)},
	{in(Flipped), tick, in(Reverting), nothing}, // the reboot gives up, see Machine.stepReboot
	{but(Starting, Deciding, Waiting, Retrying, Trial, Flipped), tick, same, nothing},
}

// transferring are the states in which downloader or applier work.
var transferring = in(Preparing, Fetching, Verifying)

// table finds the handler of a state and an input.
var table = index(rows)

func index(rows []row) (t [states][inputs]handler) {
	for state := range states {
		for _, r := range rows {
			if r.in.has(state) && t[state][r.input] == nil {
				t[state][r.input] = r.do
			}
		}
	}
	return t
}

// mayFollow reports whether a step with the input may take a machine from one state to the other. A
// reboot may give up in a step with any input, as with a tick.
func mayFollow(from State, input inputKind, to State) bool {
	for _, r := range rows {
		if r.in.has(from) && (r.input == input || r.input == tick && from == Flipped) &&
			(from == to || r.to.has(to)) {
			return true
		}
	}
	return false
}
