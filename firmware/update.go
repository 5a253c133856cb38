package firmware

import (
	"fmt"
	"time"
)

// update is the part of a machine that takes an offer to the flip.
type update struct {
	policy       Policy
	decideWithin time.Duration
	offers       offers
	transfer     transfer
}

// newUpdate returns an update part with no offer. The client has the time decideWithin for a
// decision.
func newUpdate(p Policy, decideWithin time.Duration) update {
	return update{policy: p, decideWithin: decideWithin}
}

// forget ends the update. The journal keeps the reports and what failed on trial.
func (u *update) forget(s *shared) {
	s.clear()
	u.transfer.reset()
}

// consider handles an offer while the machine is idle or waiting.
func (u *update) consider(s *shared, o *Offer) next {
	if s.state == Waiting { // the newer offer replaces the one that was put off
		u.forget(s)
		s.enter(Idle)
	}
	s.tell(NoteOffered, o.UUID, "")
	if r := u.offers.judge(s, u.policy, o); r.Status != 0 {
		u.offers.refuse(s, o, r)
		return next{}
	}
	j := &s.journal
	j.forgive(o.UUID)
	j.Offer, j.UUID, j.From = o, o.UUID, s.boot.Meta["uuid"]
	j.Checkpoint, j.Started = 0, false
	u.transfer = newTransfer(u.transfer.run, 0)
	s.enter(Deciding)
	s.saveOrFail()
	s.report(StatusReceived, "", 0)
	u.ask(s)
	return next{}
}

// release handles the offer that came during a commit.
func (u *update) release(s *shared) {
	switch o := u.offers.release(); {
	case o == nil:
	case s.state == Idle:
		u.consider(s, o)
	case s.state == Trial:
		u.offers.refuseOnTrial(s, o)
	}
}

// ask asks the client for a decision.
func (u *update) ask(s *shared) {
	s.due = s.after(u.decideWithin)
	s.do(askClient(s.journal.Offer))
}

// tick handles the deadlines of Deciding, Waiting and Retrying.
func (u *update) tick(s *shared, _ Input) next {
	if !s.overdue() {
		return next{}
	}
	switch s.state {
	case Deciding:
		return u.decide(s, Apply()) // the client has not answered, so its default counts
	case Waiting:
		s.journal.Due = time.Time{}
		s.enter(Deciding)
		u.ask(s)
	default:
		u.transfer.begin(s, true)
	}
	return next{}
}

// decided handles the client's answer.
func (u *update) decided(s *shared, in Input) next {
	if in.rare.uuid != s.journal.UUID {
		return next{}
	}
	return u.decide(s, in.rare.decision)
}

// decide carries out a decision.
func (u *update) decide(s *shared, d Decision) next {
	o := s.journal.Offer
	switch d.Verdict {
	case ToIgnore:
		u.forget(s)
		s.report(StatusIgnored, d.Reason, 0)
		s.tell(NoteIgnored, o.UUID, d.Reason)
		return next{part: nextSettle}
	case ToReschedule:
		return u.reschedule(s, o, d)
	default:
		u.transfer.begin(s, false)
		return next{}
	}
}

// reschedule puts an offer off. A deployment offers again by itself, with a fresh address; the
// device itself has to repeat an offer that was pushed by hand.
func (u *update) reschedule(s *shared, o *Offer, d Decision) next {
	then := next{part: nextSettle}
	if o.Manual() {
		s.enter(Waiting)
		s.due = s.after(d.Delay)
		s.journal.Due = s.due
		then = next{}
	} else {
		u.forget(s)
	}
	s.report(StatusRescheduled, d.Reason, d.Delay)
	s.tell(NoteRescheduled, o.UUID, d.Reason)
	return then
}

// transferred carries out what an event of the transfer means for the update.
func (u *update) transferred(s *shared, o outcome) next {
	switch o.move {
	case moveFetch:
		s.enter(Fetching)
		s.do(download(u.transfer.plan(s), o.off))
	case moveStarted:
		u.downloadStarted(s)
		u.transfer.progress(s, StageDownloading, u.transfer.percentOf(s, o.off))
	case moveFinish:
		if !s.journal.Started { // no byte was missing
			u.downloadStarted(s)
		}
		s.enter(Verifying)
		s.do(finishApplier(u.transfer.plan(s)))
	case moveFlip:
		u.flip(s)
	case moveRetry:
		return u.retry(s, orUnknown(o.err))
	case moveFail:
		return u.fail(s, o.err.Error())
	case moveNothing:
	}
	return next{}
}

// downloadStarted tells the hub that a download has begun.
func (u *update) downloadStarted(s *shared) {
	first := !s.journal.Started
	s.journal.Started = true
	s.saveOrFail()
	s.report(StatusStarted, "", 0)
	if first {
		s.tell(NoteStarted, s.journal.UUID, "")
	}
}

// retry begins another try of the transfer after its wait.
func (u *update) retry(s *shared, err error) next {
	wait, failed := u.transfer.retry(err)
	if failed != nil {
		return u.fail(s, failed.Error())
	}
	s.enter(Retrying)
	s.do(stopTransfer())
	s.tellErr(NoteRetrying, s.journal.UUID, err)
	s.due = s.after(wait)
	return next{}
}

// fail ends the update; the running firmware is untouched.
func (u *update) fail(s *shared, reason string) next {
	uuid := s.journal.UUID
	u.transfer.cancel()
	u.forget(s)
	s.do(stopTransfer())
	s.report(StatusFailed, reason, 0)
	s.tell(NoteFailed, uuid, shorten(reason, maxReason))
	return next{part: nextSettle}
}

// persistFailed handles a step whose journal could not be saved. Its other effects were not carried
// out, so its reports have not been pushed.
func (u *update) persistFailed(s *shared, in Input) next {
	s.reports.undo()
	return u.fail(s, "save the state of the update: "+orUnknown(in.err).Error())
}

// flip saves the intent, then has the flip done. An applier that flips by itself must not be
// stopped before.
func (u *update) flip(s *shared) {
	plan := u.transfer.plan(s)
	u.transfer.cancel()
	s.enter(Flipping)
	s.saveOrFail()
	if !u.transfer.flips {
		s.do(stopTransfer())
	}
	s.do(flip(plan, u.transfer.flips))
}

// flipDone handles the end of a flip. After an error, the boot record shows whether it happened.
func (u *update) flipDone(s *shared, in Input) next {
	const what = "flip to the new firmware: "
	s.learn(&in.rare.boot)
	switch {
	case in.err != nil && (in.rare.boot.Err != nil || !s.boot.flippedTo(s.journal.UUID)):
		return u.fail(s, what+in.err.Error())
	case in.err == nil && in.rare.boot.Err == nil && !s.boot.pending():
		return u.fail(s, what+"the boot record does not show it")
	}
	if in.rare.boot.Err != nil {
		s.boot.Next = "" // it is not Active any more
	}
	return u.flipped(s)
}

// flipped handles that the new firmware boots next. The hub hears of it before the reboot.
func (u *update) flipped(s *shared) next {
	o := s.journal.Offer
	s.enter(Flipped)
	s.save()
	u.transfer.progress(s, StageUpdating, 100)
	s.report(StatusCompleted, "", 0)
	s.tell(NoteCompleted, o.UUID, "")
	return next{part: nextReboot, reason: toNew + o.String()}
}

// Reasons of a reboot.
const (
	toNew      = "a new firmware was installed: "
	toPrevious = "back to the previous firmware"
)

// callOff takes back a flip that was never booted.
func (u *update) callOff(s *shared) next {
	uuid := s.journal.UUID
	reason := fmt.Sprintf("the machine did not boot the new firmware in %d reboots", maxReboots)
	u.forget(s)
	s.report(StatusFailed, reason, 0)
	s.tell(NoteFailed, uuid, reason)
	return next{nextRevert, uuid, reason}
}

// maxWait bounds a wait whose end a wrong clock may have set: an address is signed for a day.
const maxWait = 24 * time.Hour

// resume continues an update of which nothing is flipped.
func (u *update) resume(s *shared, again bool) next {
	j := &s.journal
	switch j.State {
	case Deciding:
		u.ask(s)
	case Waiting:
		s.due = j.Due
		if last := s.after(maxWait); s.due.After(last) {
			s.due = last
		}
	default:
		if !again {
			j.Count++
		}
		if j.Count > maxStarts {
			return u.fail(s, fmt.Sprintf(
				"the device went down %d times in a row without getting on", j.Count-1,
			))
		}
		u.transfer.flipped = j.State == Flipping
		s.tell(NoteResumed, j.UUID, "")
		u.transfer.begin(s, true)
	}
	return next{}
}

// resumeFlipped continues with the reboot into a firmware that is flipped to.
func (u *update) resumeFlipped(s *shared, again bool) next {
	j := &s.journal
	switch {
	case j.Count >= maxReboots && !again:
		return u.callOff(s)
	case j.State == Flipping:
		return u.flipped(s)
	default:
		return next{part: nextReboot, reason: toNew + j.Offer.String()}
	}
}
