package firmware

import (
	"slices"
	"time"
)

// report adds a status to those on their way to the hub.
func (m *Machine) report(s Status, reason string, delay time.Duration) uint64 {
	j := &m.journal
	if n := len(j.Reports); n >= maxReports && s == StatusStarted && j.Reports[n-1].Status == s {
		return j.Reports[n-1].Seq // the hub is away for long: one more start is nothing new
	}
	j.Seq++
	r := Report{Seq: j.Seq, Status: s, Reason: shorten(reason, maxReason), Delay: delay}
	list := append(slices.Clip(j.Reports), r)
	j.Reports = list[max(0, len(list)-2*maxReports):]
	m.save()
	m.flush()
	return r.Seq
}

// flush pushes what this join has not been given yet.
func (m *Machine) flush() {
	if !m.hub.joined {
		return
	}
	for _, r := range m.journal.Reports {
		if r.Seq > m.hub.pushed {
			m.do(Effect{Kind: DoReport, Report: r})
			m.hub.pushed = r.Seq
		}
	}
}

func (m *Machine) channelUp(in Input) {
	m.hub.joined, m.hub.pushed, m.hub.knows = true, in.Seq, in.Knows
	m.step.pushed = in.Seq
	m.journal.Seq = max(m.journal.Seq, in.Seq)
	m.flush()
	m.tellValidated()
}

// tellValidated tells the hub of a commit that its join did not know of.
func (m *Machine) tellValidated() {
	if m.hub.joined && m.boot.Validated && !m.hub.knows && m.state != Starting {
		m.hub.knows = true
		m.do(Effect{Kind: DoValidated})
	}
}

func (m *Machine) channelDown(Input) { m.hub.joined, m.hub.pushed, m.step.pushed = false, 0, 0 }

// confirmed: nothing up to Seq has to be sent again.
func (m *Machine) confirmed(in Input) {
	list := m.journal.Reports
	n := 0
	for n < len(list) && list[n].Seq <= in.Seq {
		n++
	}
	if n == 0 {
		return
	}
	m.journal.Reports = slices.Clone(list[n:])
	if len(m.journal.Reports) == 0 {
		m.journal.Reports = nil
	}
	m.save()
	m.written(in)
}

// progress tells how far a stage is: rising only, not more often than progressEvery but for the
// ends.
func (m *Machine) progress(stage Stage, percent int) {
	t := &m.transfer
	if stage < t.stage || stage == t.stage && percent <= t.percent {
		return
	}
	if percent < 100 && m.recent(t.told, progressEvery) {
		return
	}
	t.stage, t.percent, t.told = stage, percent, m.step.now
	m.do(
		Effect{
			Kind:    DoProgress,
			Stage:   stage,
			Percent: percent,
			Push:    m.hub.joined,
			Offer:   m.journal.Offer,
		},
	)
}
