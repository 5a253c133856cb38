package firmware

import (
	"errors"
	"fmt"
	"time"
)

// transfer is the download of the offer in the journal, over all its tries.
type transfer struct {
	run       uint64 // number of the try; events of other tries are dropped
	size      int64  // of the file, when the server says it and the offer does not
	best      int64  // the most bytes that a try has written: more end a row of failures
	retries   int    // in a row
	short     bool   // the file ended early once
	kept      bool   // bytes that an earlier try had written were kept
	fromStart bool   // kept bytes were bad once, so none are kept again
	flips     bool   // the applier flips by itself
	flipped   bool   // an earlier process went down over a flip, so new bytes prove nothing
	saved     time.Time
	told      time.Time
	stage     Stage
	percent   int // of stage; -1 means not told yet
}

// move is what an event of a transfer makes the machine do.
type move uint8

const (
	moveNothing move = iota
	moveFetch        // start the download
	moveStarted      // the download has begun
	moveFinish       // all bytes are with the applier
	moveFlip         // all bytes are verified
	moveRetry        // begin another try
	moveFail         // the update has failed
)

// outcome is a move with what belongs to it.
type outcome struct {
	move move
	off  int64 // moveFetch, moveStarted: bytes of the file that are there
	err  error // moveRetry, moveFail: why
}

// newTransfer returns a transfer of which this process has seen nothing. Its tries are numbered
// from run on; written is what an earlier process had written.
func newTransfer(run uint64, written int64) transfer {
	return transfer{run: run, best: written, percent: -1}
}

// reset forgets the transfer but for its number.
func (t *transfer) reset() { *t = transfer{run: t.run} }

// cancel makes the events of the try that is under way count no more.
func (t *transfer) cancel() { t.run++ }

// begin starts the next try. keep allows it to keep what an earlier try has written.
func (t *transfer) begin(s *shared, keep bool) {
	t.run++
	t.kept = keep && !t.fromStart
	s.enter(Preparing)
	s.saveOrFail()
	s.do(openApplier(t.plan(s)))
}

// plan describes the try that is under way.
func (t *transfer) plan(s *shared) *Plan {
	o := s.journal.Offer
	limit := o.Size
	if limit <= 0 {
		limit = s.boot.Capacity
	}
	return &Plan{
		Run: t.run, Source: o.Source(), Target: o.Target(), Limit: limit,
		Checkpoint: s.journal.Checkpoint, Keep: t.kept,
	}
}

// prepared handles an applier that is open.
func (t *transfer) prepared(s *shared, in Input) outcome {
	off := in.written
	t.best, t.kept = max(t.best, off), off > 0
	if size := s.journal.Offer.Size; size > 0 && off >= size {
		return outcome{move: moveFinish}
	}
	return outcome{move: moveFetch, off: off}
}

// fetchesItself handles an applier that is open and needs no bytes from a downloader.
func (t *transfer) fetchesItself(*shared, Input) outcome { return outcome{move: moveFinish} }

// attemptStarted handles the answer of the server.
func (t *transfer) attemptStarted(_ *shared, in Input) outcome {
	t.size = in.rare.total
	return outcome{move: moveStarted, off: in.written}
}

// advanced handles bytes that were written: it saves a checkpoint and tells the progress.
func (t *transfer) advanced(s *shared, in Input) outcome {
	j := &s.journal
	if in.written > t.best {
		t.best, t.retries = in.written, 0
		if !t.flipped {
			j.Count = 0
		}
	}
	safe := in.synced
	switch {
	case safe < j.Checkpoint: // the server gave another file, which overwrites what was safe
		t.kept = false
	case safe-j.Checkpoint < CheckpointEvery, s.recent(t.saved, persistEvery):
		safe = j.Checkpoint
	}
	if safe != j.Checkpoint {
		j.Checkpoint, t.saved = safe, s.now
		s.saveOrFail()
	}
	t.progress(s, StageDownloading, t.percentOf(s, in.written))
	return outcome{}
}

// fetched handles a download that is complete.
func (t *transfer) fetched(*shared, Input) outcome { return outcome{move: moveFinish} }

// fetchFailed handles a download that has failed for good.
func (t *transfer) fetchFailed(_ *shared, in Input) outcome {
	return outcome{move: moveFail, err: orUnknown(in.err)}
}

// applied handles an applier that has verified all bytes.
func (t *transfer) applied(_ *shared, in Input) outcome {
	t.flips = in.rare.flips
	return outcome{move: moveFlip}
}

// applyFailed handles an applier that cannot take the bytes. A file that ended early, or bytes that
// an earlier try had written, may be at fault, so each gets another try once; a stream that had to
// go back begins again. Any other error is final.
func (t *transfer) applyFailed(s *shared, in Input) outcome {
	var short *ShortError
	var mismatch *MismatchError
	switch {
	case errors.As(in.err, &short) && !t.short:
		t.short = true
	case errors.As(in.err, &mismatch) && t.kept && !t.fromStart:
		t.fromStart, s.journal.Checkpoint = true, 0
	case errors.Is(in.err, ErrNotInOrder):
	default:
		return outcome{move: moveFail, err: fmt.Errorf("update: %w", orUnknown(in.err))}
	}
	return outcome{move: moveRetry, err: in.err}
}

// lost handles a crash of the downloader or the applier.
func (t *transfer) lost(_ *shared, in Input) outcome {
	return outcome{move: moveRetry, err: orUnknown(in.err)}
}

// retry counts a try that failed with err and returns the wait before the next one: none at first,
// then longer and longer. It fails when the last maxRetries tries have written no new byte.
func (t *transfer) retry(err error) (wait time.Duration, failed error) {
	if t.retries >= maxRetries {
		return 0, fmt.Errorf(
			"download: given up after %d tries without a new byte: %w", t.retries+1, err,
		)
	}
	t.retries++
	t.cancel()
	if t.retries > 1 {
		wait = min(retryMax, time.Second<<(t.retries-2))
	}
	return wait, nil
}

// percentOf returns how much of the file off bytes are; 0 while its size is not known.
func (t *transfer) percentOf(s *shared, off int64) int {
	size := s.journal.Offer.Size
	if size == 0 {
		size = t.size
	}
	if size <= 0 || off <= 0 {
		return 0
	}
	return int(min(100, float64(off)/float64(size)*100))
}

// progress tells how far a stage is. It only rises, and is told every progressEvery at most, except
// for its end.
func (t *transfer) progress(s *shared, stage Stage, percent int) {
	switch {
	case stage < t.stage || stage == t.stage && percent <= t.percent,
		percent < 100 && s.recent(t.told, progressEvery):
		return
	}
	t.stage, t.percent, t.told = stage, percent, s.now
	s.do(progress(s.journal.UUID, stage, percent, s.reports.joined))
}

func orUnknown(err error) error {
	if err == nil {
		return errors.New("for an unknown reason")
	}
	return err
}
