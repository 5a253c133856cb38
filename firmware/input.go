package firmware

// Input is one event for a Machine. Each event has a constructor; the zero value means that time
// has passed.
type Input struct {
	kind    inputKind
	run     uint64 // the events of a transfer: its number, Plan.Run
	written int64  // prepared, attemptStarted, advanced: bytes of the file that are there
	synced  int64  // advanced
	rare    *rare  // nil: none of its fields is set
	err     error  // persistFailed and the events that may fail
}

// rare has the fields of the events that are not frequent, so that an Input fits into registers.
type rare struct {
	disk      OnDisk   // started
	boot      BootRead // flipDone, commitDone, revertDone: read after the act
	offer     *Offer   // offered
	uuid      string   // decided
	decision  Decision // decided
	seq       uint64   // channelUp, written, confirmed: number of a report
	committed bool     // channelUp
	total     int64    // attemptStarted
	flips     bool     // applied
	reason    string   // rebootWanted
}

// inputKind names an event.
type inputKind uint8

const (
	tick inputKind = iota
	started
	persistFailed
	offered
	decided
	channelUp
	channelDown
	written
	confirmed
	prepared
	attemptStarted
	advanced
	fetched
	fetchFailed
	applied
	applyFailed
	transferLost
	flipDone
	commitDone
	revertDone
	commitWanted
	rebootWanted
	fetchesItself
	inputs
)

var inputNames = [inputs]string{
	"tick", "started", "persistFailed", "offered", "decided", "channelUp", "channelDown", "written",
	"confirmed", "prepared", "attemptStarted", "advanced", "fetched", "fetchFailed",
	"applied", "applyFailed", "transferLost", "flipDone", "commitDone", "revertDone", "commitWanted",
	"rebootWanted", "fetchesItself",
}

// String returns the name of the event.
func (k inputKind) String() string {
	if k < inputs {
		return inputNames[k]
	}
	return "unknown"
}

// Memory is what a machine hands to its successor in the same process. Nothing in it has to survive
// that process.
type Memory struct {
	Again   bool  // there was a machine before
	Stage   Stage // of the last progress
	Percent int   // of the last progress
}

// OnDisk is what a machine starts from.
type OnDisk struct {
	Journal    []byte // what DoPersist saved last; nil means none
	JournalErr error  // why the journal could not be read
	Boot       BootRead
	Memory     Memory // of the machine before, in the same process
}

// BootRead is the result of reading the boot record.
type BootRead struct {
	State BootState
	Err   error // why State could not be read
}

// Tick returns the event that time has passed.
func Tick() Input { return Input{} }

// Started returns the first event of a machine, and the answer to DoInspect.
func Started(d OnDisk) Input {
	return Input{kind: started, rare: &rare{disk: d}}
}

// PersistFailed returns the event that a DoPersist with Must could not be carried out.
func PersistFailed(err error) Input { return Input{kind: persistFailed, err: err} }

// Offered returns the event that the hub offers o.
func Offered(o *Offer) Input { return Input{kind: offered, rare: &rare{offer: o}} }

// Decided returns the answer to DoDecide for the offer with that uuid.
func Decided(uuid string, d Decision) Input {
	return Input{kind: decided, rare: &rare{uuid: uuid, decision: d}}
}

// ChannelUp returns the event that the device channel has joined, or the channel's answer to a new
// machine. pushed is the newest report that was pushed since this join, 0 for none; committed
// reports whether this join has said that the running firmware is committed.
func ChannelUp(pushed uint64, committed bool) Input {
	return Input{kind: channelUp, rare: &rare{seq: pushed, committed: committed}}
}

// ChannelDown returns the event that the device channel is not joined any more.
func ChannelDown() Input { return Input{kind: channelDown} }

// Written returns the event that all reports up to seq were written to the socket.
func Written(seq uint64) Input { return Input{kind: written, rare: &rare{seq: seq}} }

// Confirmed returns the event that all reports up to seq have arrived.
func Confirmed(seq uint64) Input { return Input{kind: confirmed, rare: &rare{seq: seq}} }

// Prepared returns the event that the applier is open. It keeps the first kept bytes of the file,
// which were hashed again.
func Prepared(run uint64, kept int64) Input {
	return Input{kind: prepared, run: run, written: kept}
}

// FetchesItself returns the event that the applier is open and downloads the file by itself, so
// that no downloader is needed.
func FetchesItself(run uint64) Input { return Input{kind: fetchesItself, run: run} }

// AttemptStarted returns the event that the server answers with the file from byte first on. total
// is the size of the whole file; 0 means not known.
func AttemptStarted(run uint64, first, total int64) Input {
	return Input{kind: attemptStarted, run: run, written: first, rare: &rare{total: total}}
}

// Advanced returns the event that the first written bytes of the file are written, the first synced
// of which would survive a power cut.
func Advanced(run uint64, written, synced int64) Input {
	return Input{kind: advanced, run: run, written: written, synced: synced}
}

// Fetched returns the event that the download is complete and was handed to the applier.
func Fetched(run uint64) Input { return Input{kind: fetched, run: run} }

// FetchFailed returns the event that the download ended for good, after every retry that helps.
func FetchFailed(run uint64, err error) Input {
	return Input{kind: fetchFailed, run: run, err: err}
}

// Applied returns the event that every byte is verified and safe. flips reports whether the applier
// flips by itself when it is told to, see Flipper.
func Applied(run uint64, flips bool) Input {
	return Input{kind: applied, run: run, rare: &rare{flips: flips}}
}

// ApplyFailed returns the event that the bytes cannot be taken, or are not those of the offer.
func ApplyFailed(run uint64, err error) Input {
	return Input{kind: applyFailed, run: run, err: err}
}

// TransferLost returns the event that the downloader or the applier crashed.
func TransferLost(run uint64, err error) Input {
	return Input{kind: transferLost, run: run, err: err}
}

// FlipDone returns the event that a flip has ended. An err of nil means that it happened.
func FlipDone(err error, boot BootRead) Input { return bootDone(flipDone, err, boot) }

// CommitDone returns the event that a commit has ended. An err of nil means that it happened.
func CommitDone(err error, boot BootRead) Input { return bootDone(commitDone, err, boot) }

// RevertDone returns the event that a revert has ended. An err of nil means that it happened.
func RevertDone(err error, boot BootRead) Input { return bootDone(revertDone, err, boot) }

func bootDone(kind inputKind, err error, boot BootRead) Input {
	return Input{kind: kind, err: err, rare: &rare{boot: boot}}
}

// CommitWanted returns the event that the operator wants the running firmware committed.
func CommitWanted() Input { return Input{kind: commitWanted} }

// RebootWanted returns the event that the operator or the hub wants a reboot.
func RebootWanted(reason string) Input {
	return Input{kind: rebootWanted, rare: &rare{reason: reason}}
}
