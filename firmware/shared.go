package firmware

import "time"

// shared is what the parts of a machine have in common: where the device stands, and the step that
// is under way.
type shared struct {
	state   State
	due     time.Time // deadline of the state; zero means none
	journal Journal   // as on disk, or as it will be after this step
	boot    BootState // as it was read last
	reports reports

	now   time.Time
	out   []Effect
	dirty bool // the journal has to be saved
	must  bool // the rest of the step depends on it
}

func (s *shared) do(e Effect) { s.out = append(s.out, e) }

func (s *shared) tell(n Note, uuid, reason string) {
	s.do(tell(n, uuid, reason, nil))
}

func (s *shared) tellErr(n Note, uuid string, err error) {
	s.do(tell(n, uuid, err.Error(), err))
}

// answer answers every pending CommitWanted.
func (s *shared) answer(err error) { s.do(answerCommits(err)) }

// save makes the step save the journal before its other effects.
func (s *shared) save() { s.dirty = true }

// saveOrFail is save for effects that must not be carried out when the journal cannot be saved.
func (s *shared) saveOrFail() { s.dirty, s.must = true, true }

// persist is the effect that saves the journal.
func (s *shared) persist() Effect {
	data, err := s.journal.Encode()
	return persist(data, s.must, err)
}

// enter changes the state. Its deadline is none until the caller sets one.
func (s *shared) enter(state State) {
	if d := state.durable(); d != s.journal.State {
		if !(d == Fetching && s.journal.State == Flipping || d == Flipping) {
			s.journal.Count = 0 // a flip that takes the machine down is counted with its download
		}
		s.journal.State = d
		s.save()
	}
	s.state, s.due = state, time.Time{}
}

// clear ends what was under way. The journal keeps the reports and the firmwares that failed on
// trial.
func (s *shared) clear() {
	j := &s.journal
	*j = Journal{State: Idle, Seq: j.Seq, Reports: j.Reports, Reverted: j.Reverted}
	s.save()
}

// report adds a status to the reports to the hub and returns its number.
func (s *shared) report(status Status, reason string, delay time.Duration) uint64 {
	seq, added := s.journal.addReport(status, reason, delay)
	if added {
		s.save()
		s.flush()
	}
	return seq
}

// flush pushes the reports that the join was not given yet.
func (s *shared) flush() {
	for _, r := range s.reports.unpushed(s.journal.Reports) {
		s.do(pushReport(r))
	}
}

// tellValidated tells the hub of a commit that its join did not know of.
func (s *shared) tellValidated() {
	if s.boot.Validated && s.state != Starting && s.reports.unknown() {
		s.do(pushValidated())
	}
}

// learn takes over the boot record that was read after an act.
func (s *shared) learn(boot *BootRead) {
	if boot.Err == nil {
		s.boot = boot.State
	}
}

// overdue reports whether the deadline of the state has passed.
func (s *shared) overdue() bool { return passed(s.due, s.now) }

// after returns the time d from now.
func (s *shared) after(d time.Duration) time.Time { return s.now.Add(d) }

// recent reports whether t lies less than d in the past. A t in the future, from a clock that was
// set back, is not recent.
func (s *shared) recent(t time.Time, d time.Duration) bool {
	since := s.now.Sub(t)
	return since >= 0 && since < d
}

// passed reports whether the deadline is one and has come.
func passed(deadline, now time.Time) bool { return !deadline.IsZero() && !now.Before(deadline) }

// earliest returns the first of the deadlines; zero means none.
func earliest(deadlines ...time.Time) (first time.Time) {
	for _, d := range deadlines {
		if !d.IsZero() && (first.IsZero() || d.Before(first)) {
			first = d
		}
	}
	return first
}
