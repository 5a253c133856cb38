package firmware

import (
	"time"
)

// consider: an offer, and nothing else to do.
func (m *Machine) consider(in Input) {
	o := in.Offer
	if o == nil {
		return
	}
	if m.state == Waiting { // the newer offer replaces the one that was put off
		m.forget()
		m.enter(Idle)
	}
	m.tell(NoteOffered, o.UUID, "")
	if r := m.judge(o); r.Status != 0 {
		m.refuse(o, r)
		return
	}
	if m.journal.wentBack(o.UUID) {
		m.journal.forgive(o.UUID)
	}
	j := &m.journal
	j.Offer, j.UUID, j.From = o, o.UUID, m.boot.Meta["uuid"]
	j.Checkpoint, j.Started = 0, false
	m.transfer = transfer{run: m.transfer.run, percent: -1}
	m.enter(Deciding)
	m.saveOrFail()
	m.report(StatusReceived, "", 0)
	m.ask()
}

func (m *Machine) judge(o *Offer) Refusal {
	if m.boot.Next != m.boot.Active {
		return failure("the other slot was set to be booted next by somebody else: reboot first")
	}
	if r := m.cfg.Policy.Judge(m.boot, o); r.Status != 0 {
		return r
	}
	if m.journal.wentBack(o.UUID) && !o.Manual() {
		return ignore(
			"this firmware was on trial and the device went back from it; push it by hand to try again",
		)
	}
	return Refusal{}
}

// refuse answers an offer that is not taken.
func (m *Machine) refuse(o *Offer, r Refusal) {
	m.report(StatusReceived, "", 0)
	m.report(r.Status, r.Reason, 0)
	note := NoteIgnored
	if r.Status == StatusFailed {
		note = NoteFailed
	}
	m.tell(note, o.UUID, r.Reason)
}

// hold keeps the newest offer until the commit that is being written is done.
func (m *Machine) hold(in Input) { m.held = in.Offer }

func (m *Machine) release() {
	if o := m.held; o != nil {
		m.held = nil
		switch m.state {
		case Idle:
			m.consider(Input{Offer: o})
		case Trial:
			m.refuseTrial(Input{Offer: o})
		}
	}
}

func (m *Machine) refuseBusy(in Input) {
	if in.Offer != nil && in.Offer.UUID != m.journal.UUID { // else it was handed over once more
		m.tell(NoteBusy, in.Offer.UUID, "an update to "+m.journal.UUID+" is under way")
	}
}

func (m *Machine) refuseTrial(in Input) {
	if in.Offer == nil {
		return
	}
	m.tell(NoteOffered, in.Offer.UUID, "")
	m.refuse(
		in.Offer,
		ignore("the running firmware is on trial: commit it first, the other slot is the way back"),
	)
}

func (m *Machine) refuseBlind(in Input) {
	if in.Offer == nil {
		return
	}
	m.tell(NoteOffered, in.Offer.UUID, "")
	m.tell(NoteFailed, in.Offer.UUID, blind)
	if m.hub.joined { // there is no journal yet to keep them in
		m.do(Effect{Kind: DoReport, Report: Report{Status: StatusReceived}})
		m.do(Effect{Kind: DoReport, Report: Report{Status: StatusFailed, Reason: blind}})
	}
}

const blind = "the device cannot read its boot record"

// ask asks the client.
func (m *Machine) ask() {
	m.due = m.after(m.cfg.DecideWithin)
	m.do(Effect{Kind: DoDecide, Offer: m.journal.Offer})
}

// decideTimeout: the client has not answered, so its default counts.
func (m *Machine) decideTimeout(Input) {
	if m.overdue() {
		m.decide(Apply())
	}
}

func (m *Machine) decided(in Input) {
	if in.UUID == m.journal.UUID {
		m.decide(in.Decision)
	}
}

func (m *Machine) decide(d Decision) {
	o := m.journal.Offer
	switch d.Verdict {
	case ToIgnore:
		m.forget()
		m.report(StatusIgnored, d.Reason, 0)
		m.tell(NoteIgnored, o.UUID, d.Reason)
		m.settle()
	case ToReschedule:
		m.reschedule(o, d)
	default:
		m.begin(false)
	}
}

// reschedule: a deployment offers again by itself, with a fresh address; nobody repeats what was
// pushed by hand.
func (m *Machine) reschedule(o *Offer, d Decision) {
	if o.Manual() {
		m.enter(Waiting)
		m.due = m.after(d.Delay)
		m.journal.Due = m.due
	} else {
		m.forget()
	}
	m.report(StatusRescheduled, d.Reason, d.Delay)
	m.tell(NoteRescheduled, o.UUID, d.Reason)
	if !o.Manual() {
		m.settle()
	}
}

// askAgain: the time that the client wanted to wait is over.
func (m *Machine) askAgain(Input) {
	if !m.overdue() {
		return
	}
	m.journal.Due = time.Time{}
	m.enter(Deciding)
	m.ask()
}
