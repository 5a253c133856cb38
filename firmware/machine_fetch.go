package firmware

import (
	"errors"
	"fmt"
	"time"
)

// transfer is the download as it goes.
type transfer struct {
	run     uint64 // number of the pair of downloader and applier; what others say is not listened to
	size    int64  // of the file, when the server says it and the offer does not
	off     int64  // bytes written
	best    int64  // the most of off: progress since then ends a row of failures
	retries int    // in a row
	short   bool   // the file ended early once
	kept    bool   // bytes that an earlier applier had written were kept
	afresh  bool   // they were bad once, so they are not kept again
	saved   time.Time
	stage   Stage
	percent int // of stage; -1: not told yet
	told    time.Time
}

// begin opens the slot. keep says that it may hold bytes of this offer.
func (m *Machine) begin(keep bool) {
	t := &m.transfer
	t.run++
	t.kept = keep && !t.afresh
	m.enter(Preparing)
	m.saveOrFail()
	o := m.journal.Offer
	m.do(Effect{Kind: DoPrepare, Run: t.run, Plan: Plan{
		Offer: o, Limit: m.limit(), Checkpoint: m.journal.Checkpoint, Keep: t.kept,
	}})
}

// limit is how large the file may become.
func (m *Machine) limit() int64 {
	o := m.journal.Offer
	if o.Size > 0 {
		return o.Size
	}
	return m.boot.Capacity
}

// prepare: the wait before another try is over.
func (m *Machine) prepare(Input) {
	if m.overdue() {
		m.begin(true)
	}
}

func (m *Machine) prepared(in Input) {
	t := &m.transfer
	if in.Run != t.run {
		return
	}
	t.off, t.best = in.Offset, max(t.best, in.Offset)
	t.kept = in.Offset > 0
	if size := m.journal.Offer.Size; size > 0 && t.off >= size {
		m.verify()
		return
	}
	m.enter(Fetching)
	m.do(
		Effect{
			Kind:   DoFetch,
			Run:    t.run,
			Plan:   Plan{Offer: m.journal.Offer, Limit: m.limit()},
			Offset: t.off,
		},
	)
}

func (m *Machine) attemptStarted(in Input) {
	t := &m.transfer
	if in.Run != t.run {
		return
	}
	t.size = in.Size
	m.started()
	m.progress(StageDownloading, m.percent(in.Offset))
}

// started tells the hub that a download has begun.
func (m *Machine) started() {
	first := !m.journal.Started
	m.journal.Started = true
	m.saveOrFail()
	m.report(StatusStarted, "", 0)
	if first {
		m.tell(NoteStarted, m.journal.UUID, "")
	}
}

func (m *Machine) advanced(in Input) {
	t, j := &m.transfer, &m.journal
	if in.Run != t.run {
		return
	}
	t.off = in.Offset
	if t.off > t.best {
		t.best, t.retries, j.Count = t.off, 0, 0
	}
	safe := in.Size
	switch {
	case safe < j.Checkpoint: // the server gave another file: what was safe is being written over
		t.kept = false
	case safe-j.Checkpoint < CheckpointEvery, m.recent(t.saved, persistEvery):
		safe = j.Checkpoint
	}
	if safe != j.Checkpoint {
		j.Checkpoint, t.saved = safe, m.step.now
		m.saveOrFail()
	}
	m.progress(StageDownloading, m.percent(t.off))
}

// percent of the download; 0 as long as nobody has said how much it is.
func (m *Machine) percent(off int64) int {
	size := m.journal.Offer.Size
	if size == 0 {
		size = m.transfer.size
	}
	if size <= 0 || off <= 0 {
		return 0
	}
	return int(min(100, float64(off)/float64(size)*100))
}

func (m *Machine) fetched(in Input) {
	if in.Run == m.transfer.run {
		m.verify()
	}
}

// verify: all bytes are with the applier.
func (m *Machine) verify() {
	if !m.journal.Started { // it was all there already
		m.started()
	}
	m.enter(Verifying)
	m.do(Effect{Kind: DoFinish, Run: m.transfer.run})
}

func (m *Machine) fetchFailed(in Input) {
	if in.Run == m.transfer.run {
		m.fail(text(in.Err))
	}
}

// applyFailed: bytes that were kept from an earlier try may be at fault, so they get a second
// chance from the start; else it is final.
func (m *Machine) applyFailed(in Input) {
	t := &m.transfer
	var short *ShortError
	var mismatch *MismatchError
	switch {
	case in.Run != t.run:
	case errors.As(in.Err, &short) && !t.short:
		t.short = true
		m.retry(in.Err)
	case errors.As(in.Err, &mismatch) && t.kept && !t.afresh:
		t.afresh, m.journal.Checkpoint = true, 0
		m.retry(in.Err)
	default:
		m.fail("update: " + text(in.Err))
	}
}

func (m *Machine) transferLost(in Input) {
	if in.Run == m.transfer.run {
		m.retry(in.Err)
	}
}

// retry begins the transfer anew, unless nothing has come of the last ones: at once at first, then
// after longer and longer waits.
func (m *Machine) retry(err error) {
	t := &m.transfer
	if t.retries >= maxRetries {
		m.fail(
			fmt.Sprintf("download: given up after %d tries without a new byte: %s", t.retries+1, text(err)),
		)
		return
	}
	t.retries++
	t.run++ // nobody who is still talking is meant any more
	m.enter(Retrying)
	m.do(Effect{Kind: DoStop})
	m.tellErr(NoteRetrying, m.journal.UUID, orUnknown(err))
	m.due = m.step.now
	if t.retries > 1 {
		m.due = m.after(min(retryMax, time.Second<<(t.retries-2)))
	}
}

// fail ends the update; the running firmware is untouched.
func (m *Machine) fail(reason string) {
	uuid := m.journal.UUID
	m.transfer.run++
	m.forget()
	m.do(Effect{Kind: DoStop})
	m.report(StatusFailed, reason, 0)
	m.tell(NoteFailed, uuid, shorten(reason, maxReason))
	m.settle()
}

// persistFailed: nothing of the last step was done, so its reports have not gone out either.
func (m *Machine) persistFailed(in Input) {
	m.hub.pushed = m.step.pushed
	m.fail("save the state of the update: " + text(in.Err))
}

func orUnknown(err error) error {
	if err == nil {
		return errors.New("for an unknown reason")
	}
	return err
}

func text(err error) string { return orUnknown(err).Error() }
