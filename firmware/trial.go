package firmware

import (
	"errors"
	"fmt"
	"time"
)

// trial is the part of a machine that makes the running firmware prove itself, until it is
// committed or reverted.
type trial struct {
	within time.Duration // from the start of a trial until it is reverted; negative means never
	manual bool          // the operator commits
	end    time.Time     // of the trial that runs; zero means never
	again  time.Time     // when a commit that failed is tried again; zero means that none failed
}

// newTrial returns a part with no trial that runs.
func newTrial(within time.Duration, manual bool) trial {
	return trial{within: within, manual: manual}
}

// deadline returns when a trial that runs needs a tick; zero means never.
func (t *trial) deadline() time.Time { return earliest(t.end, t.again) }

// settle is where every update ends: idle on a committed firmware, else on trial.
func (t *trial) settle(s *shared) {
	if s.boot.Validated {
		s.enter(Idle)
		return
	}
	t.start(s)
}

// start begins the trial of the running firmware.
func (t *trial) start(s *shared) {
	j := &s.journal
	uuid := s.boot.Meta["uuid"]
	if j.State != Trial || j.UUID != uuid {
		s.clear()
		j.UUID = uuid
	}
	s.enter(Trial)
	t.end, t.again = time.Time{}, time.Time{}
	if t.within > 0 {
		t.end = s.after(t.within)
	}
	s.tell(NoteTrial, uuid, "")
	t.tryCommit(s)
}

// resume continues a trial after a restart, unless it was started too often.
func (t *trial) resume(s *shared, again bool) next {
	j := &s.journal
	if !again {
		j.Count++
		s.save()
	}
	if j.Count > maxTrials {
		return next{
			nextRevert, j.UUID, fmt.Sprintf("it was started %d times without a commit", j.Count),
		}
	}
	t.start(s)
	return next{}
}

// tick handles the deadlines of a trial that runs.
func (t *trial) tick(s *shared, _ Input) next {
	switch {
	case passed(t.end, s.now):
		return next{
			nextRevert, s.journal.UUID, fmt.Sprintf("it was not committed within %v", t.within),
		}
	case passed(t.again, s.now):
		t.again = time.Time{}
		t.tryCommit(s)
	}
	return next{}
}

// tryCommit commits a firmware that has reached the hub, unless the operator commits.
func (t *trial) tryCommit(s *shared) {
	if s.reports.joined && !t.manual && t.again.IsZero() {
		t.commit(s, Input{})
	}
}

// commit has the running firmware committed.
func (t *trial) commit(s *shared, _ Input) next {
	t.again = time.Time{}
	s.enter(Committing)
	s.do(commitBoot())
	return next{}
}

// commitDone handles the end of a commit. After an error, the boot record shows whether it
// happened.
func (t *trial) commitDone(s *shared, in Input) next {
	s.learn(&in.rare.boot)
	if in.err != nil && (in.rare.boot.Err != nil || !s.boot.Validated) {
		s.answer(in.err)
		s.tellErr(NoteCommitFailed, s.journal.UUID, in.err)
		s.enter(Trial)
		t.again = s.after(commitEvery)
	} else {
		s.boot.Validated = true
		s.answer(nil)
		t.committed(s)
	}
	return next{part: nextOffer}
}

// committed ends the trial.
func (t *trial) committed(s *shared) {
	s.clear()
	s.enter(Idle)
	t.end = time.Time{}
	s.tell(NoteCommitted, s.boot.Meta["uuid"], "")
	s.tellValidated()
}

// revert leaves uuid for good: the journal remembers it, then the boot record is written, then the
// machine reboots if it runs uuid.
func (t *trial) revert(s *shared, uuid, reason string) {
	s.journal.fail(uuid)
	s.journal.UUID = uuid
	s.enter(Reverting)
	s.save()
	s.tell(NoteReverting, uuid, reason)
	s.do(revertBoot())
}

// revertDone handles the end of a revert. After an error, the boot record shows whether it
// happened.
func (t *trial) revertDone(s *shared, in Input) next {
	s.learn(&in.rare.boot)
	switch pending := s.boot.pending(); {
	case in.err != nil && (in.rare.boot.Err != nil || !pending):
		t.revertFailed(s, in.err)
	case pending:
		return next{part: nextReboot, reason: toPrevious}
	default:
		t.reverted(s, s.journal.UUID) // the firmware was never booted
	}
	return next{}
}

// revertFailed handles that there is no firmware to revert to. The trial goes on without an end, so
// that a commit can still save it.
func (t *trial) revertFailed(s *shared, err error) {
	s.tellErr(NoteRevertFailed, s.journal.UUID, err)
	s.journal.forgive(s.boot.Meta["uuid"])
	s.clear()
	if s.boot.Validated {
		s.enter(Idle)
		return
	}
	s.journal.UUID = s.boot.Meta["uuid"]
	s.enter(Trial)
	t.end, t.again = time.Time{}, time.Time{}
	t.tryCommit(s)
}

// reverted handles that the device runs the firmware that it had before uuid.
func (t *trial) reverted(s *shared, uuid string) {
	s.clear()
	s.journal.fail(uuid)
	s.tell(NoteReverted, uuid, "")
	t.settle(s)
}

// Answers to CommitWanted where there is nothing to commit.
var (
	errCommitFlipped   = errors.New("a new firmware waits for the reboot: commit after it")
	errCommitReverting = errors.New("the device reverts to its previous firmware")
)
