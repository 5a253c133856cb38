package firmware

import "time"

// Input is one thing that happened; Kind says which fields are set. The zero value means "time has
// passed".
type Input struct {
	Kind     InputKind
	Boot     BootState // Started, FlipDone, CommitDone, RevertDone: read after the act
	BootErr  error     // the same: Boot could not be read
	Journal  []byte    // Started: what was saved last
	Memory   Memory    // Started: of the machine before, in the same process
	Offer    *Offer    // Offered
	UUID     string    // Decided: which offer is meant
	Decision Decision  // Decided
	// ChannelUp: the newest report that was pushed since this join, 0 for none; Written, Confirmed
	Seq uint64
	Run uint64 // of a transfer: see DoPrepare
	// Prepared: bytes that can be kept; AttemptStarted: first byte; Advanced: bytes written
	Offset int64
	// Advanced: bytes that would survive a power cut; AttemptStarted: of the whole file, 0 when not
	// known
	Size   int64
	Knows  bool   // ChannelUp: this join has said that the running firmware is committed
	Reason string // RebootWanted
	Err    error  // Started: the journal could not be read; PersistFailed, and whatever may fail
}

// Memory is what a machine hands to its successor in the same process: nothing that has to survive
// that process.
type Memory struct {
	Again   bool  // there was one
	Stage   Stage // of the progress that was told last
	Percent int
}

// InputKind names what happened.
type InputKind uint8

// What can happen.
const (
	Tick          InputKind = iota // time has passed
	Started                        // first input of all: what is on disk
	PersistFailed                  // a DoPersist with Must could not be saved: Err
	Offered                        // the hub offers a firmware
	Decided                        // the client has decided
	// the device channel has joined; or it is asked for its state by a new machine
	ChannelUp
	ChannelDown    // it is not joined any more
	Written        // all reports up to Seq went out
	Confirmed      // all reports up to Seq have arrived
	Prepared       // the slot is open and hashed as far as it can be kept
	AttemptStarted // the server answers with the file, from Offset on
	Advanced       // bytes were written
	Fetched        // the download is complete and was handed to the applier
	// the download ended otherwise, and whoever downloads has tried all that helps
	FetchFailed
	Applied // every byte is verified and safe in the slot
	// the slot cannot be written, or the bytes are not those of the offer
	ApplyFailed
	TransferLost // downloader or applier crashed
	FlipDone     // a flip has ended; with Err nil it happened
	CommitDone   // the same for a commit
	RevertDone   // the same for a revert
	CommitWanted // somebody wants the running firmware committed
	RebootWanted // somebody wants a reboot
	inputs
)

// Effect is one thing to do, in order; Kind says which fields are set.
type Effect struct {
	Kind EffectKind
	// Persist; nil with Err set when there is nothing that can be saved: treat it as not saved
	Journal []byte
	// Persist: when it fails, drop the rest of the step and answer PersistFailed; else log and go on
	Must    bool
	Err     error // Persist, Answer; Tell: why
	Report  Report
	Stage   Stage  // Progress
	Percent int    // Progress
	Push    bool   // Progress: tell the hub too
	Offer   *Offer // Progress, Decide, Flip
	Plan    Plan   // Prepare; Fetch: Offer and Limit
	Run     uint64 // Prepare, Fetch, Finish
	Offset  int64  // Fetch: first byte that is wanted
	Note    Note   // Tell
	UUID    string // Tell
	Reason  string // Reboot; Tell
}

// Plan is what an applier has to know.
type Plan struct {
	Offer      *Offer
	Limit      int64 // bytes that may be written; 0: Offer.Size
	Checkpoint int64 // bytes that an earlier applier wrote and synced
	// what the slot holds may be kept, once it was hashed again; false: begin at its start
	Keep bool
}

// EffectKind names what to do.
type EffectKind uint8

// What can be asked for.
const (
	DoPersist EffectKind = iota + 1 // save Journal; see the order in the package documentation
	// push Report to the hub; answer Written and Confirmed when that is known
	DoReport
	DoProgress  // tell the client, and with Push the hub
	DoValidated // push that the firmware was committed since the join
	DoDecide    // ask the client about Offer; answer Decided
	// start an applier on Plan, with number Run; answer Prepared or ApplyFailed, later Advanced
	DoPrepare
	// start a downloader of Plan.Offer from Offset on; answer AttemptStarted, then Fetched or
	// FetchFailed
	DoFetch
	// have the applier judge all and finish; answer Applied or ApplyFailed
	DoFinish
	// end downloader and applier, if they run; what was written stays in the slot
	DoStop
	DoFlip    // flip to Offer.Target(); answer FlipDone
	DoCommit  // answer CommitDone
	DoRevert  // answer RevertDone
	DoInspect // read the boot record and start anew; answer Started
	DoReboot  // go down
	DoAnswer  // answer all that wanted a commit; Err nil: it is committed
	DoTell    // a fact for people
)

// Note is a fact for people.
type Note uint8

// The notes.
const (
	NoteOffered     Note = iota + 1 // the hub offers UUID
	NoteBusy                        // a second offer while an update runs, dropped
	NoteIgnored                     // Reason
	NoteRescheduled                 // Reason
	NoteStarted                     // the download of UUID has begun
	NoteResumed                     // the update to UUID goes on after a restart
	NoteRetrying                    // Err; tried again
	NoteCompleted                   // UUID is in place
	NoteFailed                      // Reason; the running firmware is untouched
	NoteTrial                       // UUID runs on trial
	NoteCommitted                   //
	NoteCommitLate                  // a commit failed and is tried again: Err
	NoteGoingBack                   // the device is about to leave UUID: Reason
	NoteReverted                    // the device runs its previous firmware again, UUID failed
	NoteStuck                       // there is nothing to go back to: Err
	NoteRebooting                   // Reason
	NoteNoReboot                    // the machine was asked to reboot again and again, and did not
	NoteBroken                      // the boot record cannot be read: Err
	NoteJournal                     // the journal cannot be used: Err
)

// Times of a machine that nobody needs to configure.
const (
	writtenWithin = 5 * time.Second  // for the last reports before a reboot
	inspectEvery  = 30 * time.Second // while the boot record cannot be read
	commitEvery   = 10 * time.Second // while it fails
	progressEvery = 500 * time.Millisecond
	persistEvery  = 50 * time.Millisecond // between two checkpoints
	retryMax      = 30 * time.Second
)

// Limits that stop what would go round in circles.
const (
	maxRetries = 10 // crashes of a transfer in a row without a new byte
	maxStarts  = 10 // starts of the process in a row without a new byte
	maxTrials  = 5  // starts of the process on trial
	maxReboots = 3  // reboots that were asked for and did not happen
)
