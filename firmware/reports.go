package firmware

import (
	"slices"
	"time"
)

// reports decides which reports of a journal are pushed to the hub: each once for a join, in order,
// until it is confirmed.
type reports struct {
	joined bool
	pushed uint64 // reports up to here were pushed on this join
	before uint64 // pushed, before the last step
	knows  bool   // the hub knows that the running firmware is committed
}

// newReports returns the reports of a join that was given those up to pushed. committed reports
// whether the join has said that the running firmware is committed.
func newReports(pushed uint64, committed bool) reports {
	return reports{joined: true, pushed: pushed, before: pushed, knows: committed}
}

// down ends the join.
func (r *reports) down() { r.joined, r.pushed, r.before = false, 0, 0 }

// unpushed returns those of list that this join was not given yet, and counts them as pushed.
func (r *reports) unpushed(list []Report) []Report {
	if !r.joined {
		return nil
	}
	first := 0
	for first < len(list) && list[first].Seq <= r.pushed {
		first++
	}
	list = list[first:]
	if n := len(list); n > 0 {
		r.pushed = list[n-1].Seq
	}
	return list
}

// begin notes what was pushed before the step that begins.
func (r *reports) begin() { r.before = r.pushed }

// undo takes back what the last step pushed, because that step was not carried out.
func (r *reports) undo() { r.pushed = r.before }

// unknown reports whether the hub has to be told of a commit, and counts it as told.
func (r *reports) unknown() bool {
	if !r.joined || r.knows {
		return false
	}
	r.knows = true
	return true
}

// addReport appends a report to the journal and returns its number. added is false when the report
// is a repetition that a hub which is away for long does not need.
func (j *Journal) addReport(status Status, reason string, delay time.Duration) (
	seq uint64, added bool,
) {
	if n := len(j.Reports); n >= maxReports && status == StatusStarted &&
		j.Reports[n-1].Status == status {
		return j.Reports[n-1].Seq, false
	}
	j.Seq++
	list := append(slices.Clip(j.Reports), Report{
		Seq: j.Seq, Status: status, Reason: shorten(reason, maxReason), Delay: delay,
	})
	j.Reports = list[max(0, len(list)-2*maxReports):]
	return j.Seq, true
}

// confirm drops the reports up to seq, which have arrived. It reports whether there were any.
func (j *Journal) confirm(seq uint64) bool {
	n := 0
	for n < len(j.Reports) && j.Reports[n].Seq <= seq {
		n++
	}
	switch {
	case n == 0:
		return false
	case n == len(j.Reports):
		j.Reports = nil
	default:
		j.Reports = slices.Clone(j.Reports[n:])
	}
	return true
}
