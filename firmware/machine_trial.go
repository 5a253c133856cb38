package firmware

import (
	"errors"
	"fmt"
	"time"
)

// startTrial: the running firmware has to prove itself.
func (m *Machine) startTrial() {
	j := &m.journal
	uuid := m.boot.Meta["uuid"]
	if j.State != Trial || j.UUID != uuid {
		m.forget()
		j.UUID = uuid
	}
	m.enter(Trial)
	m.trialEnd = time.Time{}
	if m.cfg.CommitDeadline > 0 {
		m.trialEnd = m.after(m.cfg.CommitDeadline)
	}
	m.tell(NoteTrial, uuid, "")
	m.tryCommit()
}

func (m *Machine) trialDue() time.Time {
	if m.state != Trial {
		return time.Time{}
	}
	return m.trialEnd
}

func (m *Machine) trialTick(Input) {
	if end := m.trialDue(); !end.IsZero() && !m.step.now.Before(end) {
		m.goBack(m.journal.UUID, fmt.Sprintf("it was not committed within %v", m.cfg.CommitDeadline))
		return
	}
	if m.overdue() {
		m.due = time.Time{}
		m.tryCommit()
	}
}

func (m *Machine) channelUpOnTrial(in Input) {
	m.channelUp(in)
	m.tryCommit()
}

// tryCommit commits a firmware that has reached the hub, unless somebody wants to do that by hand.
func (m *Machine) tryCommit() {
	if m.hub.joined && !m.cfg.ManualCommit && m.due.IsZero() {
		m.commit(Input{})
	}
}

func (m *Machine) commit(Input) {
	m.enter(Committing)
	m.do(Effect{Kind: DoCommit})
}

func (m *Machine) commitDone(in Input) {
	m.learn(in)
	if in.Err != nil && !(in.BootErr == nil && m.boot.Validated) {
		m.do(Effect{Kind: DoAnswer, Err: in.Err})
		m.tellErr(NoteCommitLate, m.journal.UUID, in.Err)
		m.enter(Trial)
		m.due = m.after(commitEvery)
		m.release()
		return
	}
	m.boot.Validated = true
	m.do(Effect{Kind: DoAnswer})
	m.committed()
	m.release()
}

// committed ends the trial.
func (m *Machine) committed() {
	uuid := m.boot.Meta["uuid"]
	m.forget()
	m.enter(Idle)
	m.trialEnd = time.Time{}
	m.tell(NoteCommitted, uuid, "")
	m.tellValidated()
}

// goBack leaves uuid for good: it is remembered, then the boot record is written, then the machine
// reboots if it runs uuid.
func (m *Machine) goBack(uuid, reason string) {
	j := &m.journal
	j.noteWentBack(uuid)
	j.UUID = uuid
	m.enter(Reverting)
	m.save()
	m.tell(NoteGoingBack, uuid, reason)
	m.do(Effect{Kind: DoRevert})
}

func (m *Machine) revertDone(in Input) {
	m.learn(in)
	pending := m.boot.Next != m.boot.Active
	switch {
	case in.Err != nil && (in.BootErr != nil || !pending):
		m.stuck(in.Err)
	case pending:
		m.depart("back to the previous firmware")
	default:
		m.wentBack(m.journal.UUID) // nothing was booted that has to be left
	}
}

// stuck: there is no way back. The trial goes on without an end, so that a commit can still save
// it.
func (m *Machine) stuck(err error) {
	m.tellErr(NoteStuck, m.journal.UUID, err)
	m.journal.forgive(m.boot.Meta["uuid"])
	m.forget()
	if m.boot.Validated {
		m.enter(Idle)
		return
	}
	m.journal.UUID = m.boot.Meta["uuid"]
	m.enter(Trial)
	m.trialEnd = time.Time{}
	m.tryCommit()
}

// wentBack: the device runs the firmware that it had before uuid.
func (m *Machine) wentBack(uuid string) {
	m.forget()
	m.journal.noteWentBack(uuid)
	m.tell(NoteReverted, uuid, "")
	m.settle()
}

// Answers to CommitWanted where there is nothing to commit.
var (
	errCommitFlipped   = errors.New("a new firmware waits for the reboot: commit after it")
	errCommitReverting = errors.New("the device is going back to its previous firmware")
	errCommitBlind     = errors.New(blind)
)

func (m *Machine) refuseCommitFlipped(Input) { m.do(Effect{Kind: DoAnswer, Err: errCommitFlipped}) }

func (m *Machine) refuseCommitReverting(Input) {
	m.do(Effect{Kind: DoAnswer, Err: errCommitReverting})
}

func (m *Machine) refuseCommitBlind(Input) { m.do(Effect{Kind: DoAnswer, Err: errCommitBlind}) }
func (m *Machine) committedAlready(Input)  { m.do(Effect{Kind: DoAnswer}) }
