package firmware

import "time"

// Effect is one thing to do, in order. Kind says which fields are set.
type Effect struct {
	Kind EffectKind
	// Persist; nil with Err set when the journal cannot be encoded: treat it as not saved
	Journal []byte
	// Persist: when it fails, drop the rest of the step and answer PersistFailed; else log and go on
	Must    bool
	Err     error  // Persist, Answer, Tell: why
	Report  Report // Report
	Stage   Stage  // Progress
	Percent int    // Progress
	Push    bool   // Progress: push it to the hub too
	Offer   *Offer // Decide
	Plan    *Plan  // Prepare, Fetch, Finish, Flip
	From    int64  // Fetch: the first byte that is wanted
	// Flip: the applier flips by itself, as Applied has said; false: Slots.Flip does
	ByApplier bool
	Note      Note   // Tell
	UUID      string // Progress, Tell: of the firmware
	Reason    string // Reboot, Tell
}

// There is a constructor for each kind of effect.

func persist(journal []byte, must bool, err error) Effect {
	return Effect{Kind: DoPersist, Journal: journal, Must: must, Err: err}
}

func pushReport(r Report) Effect { return Effect{Kind: DoReport, Report: r} }

func progress(uuid string, stage Stage, percent int, push bool) Effect {
	return Effect{Kind: DoProgress, UUID: uuid, Stage: stage, Percent: percent, Push: push}
}

func pushValidated() Effect { return Effect{Kind: DoValidated} }

func askClient(o *Offer) Effect { return Effect{Kind: DoDecide, Offer: o} }

func openApplier(p *Plan) Effect { return Effect{Kind: DoPrepare, Plan: p} }

func download(p *Plan, from int64) Effect { return Effect{Kind: DoFetch, Plan: p, From: from} }

func finishApplier(p *Plan) Effect { return Effect{Kind: DoFinish, Plan: p} }

func stopTransfer() Effect { return Effect{Kind: DoStop} }

func flip(p *Plan, byApplier bool) Effect {
	return Effect{Kind: DoFlip, Plan: p, ByApplier: byApplier}
}

func commitBoot() Effect { return Effect{Kind: DoCommit} }

func revertBoot() Effect { return Effect{Kind: DoRevert} }

func inspectBoot() Effect { return Effect{Kind: DoInspect} }

func askReboot(reason string) Effect { return Effect{Kind: DoReboot, Reason: reason} }

func answerCommits(err error) Effect { return Effect{Kind: DoAnswer, Err: err} }

func tell(n Note, uuid, reason string, err error) Effect {
	return Effect{Kind: DoTell, Note: n, UUID: uuid, Reason: reason, Err: err}
}

// EffectKind names what to do.
type EffectKind uint8

// What a machine can ask for.
const (
	DoPersist EffectKind = iota + 1 // save Journal; see the order in the package documentation
	// push Report to the hub; answer Written and Confirmed when that is known
	DoReport
	DoProgress  // tell the client, and with Push the hub
	DoValidated // push that the firmware was committed since the join
	DoDecide    // ask the client about Offer; answer Decided
	// open an applier for Plan; answer Prepared, FetchesItself or ApplyFailed, later Advanced
	DoPrepare
	// start a downloader of Plan.Source from byte From on; answer AttemptStarted, then Fetched or
	// FetchFailed
	DoFetch
	// have the applier of Plan judge all bytes and finish; answer Applied or ApplyFailed
	DoFinish
	// end downloader and applier, if they run; what was written stays for a later try
	DoStop
	// flip to Plan.Target; answer FlipDone, also when the applier crashes
	DoFlip
	DoCommit  // answer CommitDone
	DoRevert  // answer RevertDone
	DoInspect // read the boot record and the journal again; answer Started
	DoReboot  // reboot the machine
	DoAnswer  // answer every pending CommitWanted; Err nil means that the firmware is committed
	DoTell    // log Note and hand it to the observers
)

// Note is a fact for the log and for observers.
type Note uint8

// The notes.
const (
	NoteOffered        Note = iota + 1 // the hub offers UUID
	NoteBusy                           // a second offer came while an update runs, and is dropped
	NoteIgnored                        // Reason
	NoteRescheduled                    // Reason
	NoteStarted                        // the download of UUID has begun
	NoteResumed                        // the update to UUID continues after a restart
	NoteRetrying                       // a transfer failed with Err and is tried again
	NoteCompleted                      // UUID is in place
	NoteFailed                         // Reason; the running firmware is untouched
	NoteTrial                          // UUID runs on trial
	NoteCommitted                      // UUID is committed
	NoteCommitFailed                   // a commit failed with Err and is tried again
	NoteReverting                      // the device is about to revert from UUID: Reason
	NoteReverted                       // the device runs its previous firmware again, UUID failed
	NoteRevertFailed                   // there is no firmware to revert to: Err
	NoteRebooting                      // Reason
	NoteRebootFailed                   // the machine was asked to reboot several times and did not
	NoteBootUnreadable                 // the boot record cannot be read: Err
	NoteJournal                        // the journal cannot be used: Err
)

// Times of a machine that need no configuration.
const (
	writtenWithin = 5 * time.Second  // for the last reports before a reboot
	inspectEvery  = 30 * time.Second // while the boot record cannot be read
	commitEvery   = 10 * time.Second // while a commit fails
	progressEvery = 500 * time.Millisecond
	persistEvery  = 50 * time.Millisecond // between two checkpoints
	retryMax      = 30 * time.Second
)

// Limits that end a loop of failures.
const (
	maxRetries = 10 // crashes of a transfer in a row without a new byte
	maxStarts  = 10 // starts of the process in a row without a new byte
	maxTrials  = 5  // starts of the process on trial
	maxReboots = 3  // reboots that were asked for and did not happen
)
