package firmware

// offers answers offers that are not taken, and keeps one that came during a commit.
type offers struct {
	held *Offer // the newest offer that waits for the end of a commit
}

// hold keeps the newest offer until the commit that is being written has ended.
func (q *offers) hold(_ *shared, o *Offer) { q.held = o }

// release returns the offer that was kept, or nil.
func (q *offers) release() *Offer {
	o := q.held
	q.held = nil
	return o
}

// judge returns why an offer is not taken now; its Status is 0 when it is.
func (q *offers) judge(s *shared, p Policy, o *Offer) Refusal {
	if s.boot.pending() {
		return failure("the other slot was set to be booted next by another program: reboot first")
	}
	if r := p.Judge(s.boot, o); r.Status != 0 {
		return r
	}
	if s.journal.failed(o.UUID) && !o.Manual() {
		return ignore(
			"this firmware was on trial and the device went back from it; push it by hand to try again",
		)
	}
	return Refusal{}
}

// refuse answers an offer that is not taken.
func (q *offers) refuse(s *shared, o *Offer, why Refusal) {
	s.report(StatusReceived, "", 0)
	s.report(why.Status, why.Reason, 0)
	note := NoteIgnored
	if why.Status == StatusFailed {
		note = NoteFailed
	}
	s.tell(note, o.UUID, why.Reason)
}

// refuseOnTrial answers an offer while the other slot is the way back.
func (q *offers) refuseOnTrial(s *shared, o *Offer) {
	s.tell(NoteOffered, o.UUID, "")
	q.refuse(s, o, ignore(
		"the running firmware is on trial: commit it first, the other slot is the way back",
	))
}

// refuseBusy drops an offer while an update is under way. The channel may hand over the offer of
// that update again.
func (q *offers) refuseBusy(s *shared, o *Offer) {
	if o.UUID != s.journal.UUID {
		s.tell(NoteBusy, o.UUID, "an update to "+s.journal.UUID+" is under way")
	}
}

// refuseUnreadable answers an offer while the boot record cannot be read, without a journal.
func (q *offers) refuseUnreadable(s *shared, o *Offer) {
	s.tell(NoteOffered, o.UUID, "")
	s.tell(NoteFailed, o.UUID, errUnreadable.Error())
	if s.reports.joined { // no journal can keep them
		s.do(pushReport(Report{Status: StatusReceived}))
		s.do(pushReport(Report{
			Status: StatusFailed, Reason: errUnreadable.Error(),
		}))
	}
}
