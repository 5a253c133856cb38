package firmware

import (
	"fmt"
	"time"
)

// departure is a reboot that is under way.
type departure struct {
	reason string
	seq    uint64    // of the last report that has to go out before
	due    time.Time // zero: no reboot is wanted
	asked  int       // how often it was asked for
}

// applied: every byte is verified. The intent goes to disk, then the boot record is written.
func (m *Machine) applied(in Input) {
	if in.Run != m.transfer.run {
		return
	}
	m.transfer.run++
	m.enter(Flipping)
	m.saveOrFail()
	m.do(Effect{Kind: DoStop})
	m.do(Effect{Kind: DoFlip, Offer: m.journal.Offer})
}

// flipDone: when the flip failed, the boot record says whether it happened all the same.
func (m *Machine) flipDone(in Input) {
	m.learn(in)
	switch {
	case in.Err != nil && (in.BootErr != nil || !m.flippedTo(m.journal.UUID)):
		m.fail("flip to the new firmware: " + text(in.Err))
		return
	case in.Err == nil && in.BootErr == nil && m.boot.Next == m.boot.Active:
		m.fail("flip to the new firmware: the boot record does not show it")
		return
	}
	if in.BootErr != nil {
		m.boot.Next = "" // it is not Active any more
	}
	m.flipped()
}

// flipped: the new firmware boots next. The hub hears of it before the reboot.
func (m *Machine) flipped() {
	o := m.journal.Offer
	m.enter(Flipped)
	m.save()
	m.progress(StageUpdating, 100)
	m.report(StatusCompleted, "", 0)
	m.tell(NoteCompleted, o.UUID, "")
	m.depart("a new firmware was installed: " + o.String())
}

// flippedTo reports whether the other slot holds uuid and boots next.
func (m *Machine) flippedTo(uuid string) bool {
	return m.boot.Next != m.boot.Active && m.boot.Other["uuid"] == uuid
}

func (m *Machine) learn(in Input) {
	if in.BootErr == nil {
		m.boot = in.Boot
	}
}

func (m *Machine) rebootWanted(in Input) { m.depart(in.Reason) }

// depart begins a reboot: the hub is told, and gets a moment to hear it.
func (m *Machine) depart(reason string) {
	if !m.leave.due.IsZero() {
		return
	}
	m.tell(NoteRebooting, m.journal.UUID, reason)
	m.leave = departure{reason: reason, due: m.after(writtenWithin)}
	if n := len(m.journal.Reports); n > 0 && m.journal.Reports[n-1].Status == StatusRebooting {
		m.leave.seq = m.journal.Reports[n-1].Seq // it is on its way already
		return
	}
	m.leave.seq = m.report(StatusRebooting, "", 0)
}

// written: reports up to Seq went out, so the reboot need not wait for its deadline.
func (m *Machine) written(in Input) {
	if l := &m.leave; !l.due.IsZero() && l.asked == 0 && in.Seq >= l.seq {
		l.due = m.step.now
	}
}

// goOn carries the reboot on, in every state.
func (m *Machine) goOn() {
	l := &m.leave
	if l.due.IsZero() || m.step.now.Before(l.due) {
		return
	}
	if l.asked >= maxReboots {
		m.stay()
		return
	}
	l.asked++
	l.due = m.after(m.cfg.RebootWithin)
	if m.state == Flipped || m.state == Reverting {
		m.journal.Count++
		m.save()
	}
	m.do(Effect{Kind: DoReboot, Reason: l.reason})
}

// stay: the machine does not reboot, whatever we say. What waits for it in the other slot is called
// off.
func (m *Machine) stay() {
	m.leave = departure{}
	m.tell(NoteNoReboot, m.journal.UUID, fmt.Sprintf("asked %d times", maxReboots))
	if m.state == Flipped {
		m.callOff()
	}
}

// callOff takes back a flip that was never booted.
func (m *Machine) callOff() {
	uuid := m.journal.UUID
	reason := fmt.Sprintf("the machine did not boot the new firmware in %d reboots", maxReboots)
	m.forget()
	m.report(StatusFailed, reason, 0)
	m.tell(NoteFailed, uuid, reason)
	m.goBack(uuid, reason)
}
