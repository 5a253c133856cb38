package firmware

import "time"

// reboot is a reboot that is under way: the hub hears of it, then the machine is asked to reboot,
// and asked again when it does not. The zero value means that none is wanted.
type reboot struct {
	reason string
	seq    uint64    // the report that has to be written before
	due    time.Time // deadline of the next act; zero means that no reboot is wanted
	asked  int       // how often the machine was asked
}

// rebootStep is what a reboot needs when its deadline has come.
type rebootStep uint8

const (
	rebootWaits rebootStep = iota
	rebootAsks
	rebootGivesUp // the machine was asked maxReboots times
)

// newReboot returns a reboot that waits until the report seq is written, writtenWithin at most.
func newReboot(now time.Time, reason string, seq uint64) reboot {
	return reboot{reason: reason, seq: seq, due: now.Add(writtenWithin)}
}

// start tells the hub of a reboot, unless one is under way.
func (r *reboot) start(s *shared, reason string) {
	if r.wanted() {
		return
	}
	s.tell(NoteRebooting, s.journal.UUID, reason)
	list := s.journal.Reports
	if n := len(list); n > 0 && list[n-1].Status == StatusRebooting { // it is on its way already
		*r = newReboot(s.now, reason, list[n-1].Seq)
		return
	}
	*r = newReboot(s.now, reason, s.report(StatusRebooting, "", 0))
}

// wanted reports whether a reboot is under way.
func (r *reboot) wanted() bool { return !r.due.IsZero() }

// deadline returns when step has to be called; zero means never.
func (r *reboot) deadline() time.Time { return r.due }

// written notes that the reports up to seq are written. The reboot waits for its own only.
func (r *reboot) written(now time.Time, seq uint64) {
	if r.wanted() && r.asked == 0 && seq >= r.seq {
		r.due = now
	}
}

// step continues the reboot. A machine that was asked has the time within to reboot.
func (r *reboot) step(now time.Time, within time.Duration) rebootStep {
	switch {
	case !passed(r.due, now):
		return rebootWaits
	case r.asked >= maxReboots:
		*r = reboot{}
		return rebootGivesUp
	default:
		r.asked++
		r.due = now.Add(within)
		return rebootAsks
	}
}
