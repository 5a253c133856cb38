package firmware

import (
	"fmt"
	"slices"
	"time"
)

// start goes on where the journal and the boot record say.
func (m *Machine) start(in Input) {
	if in.BootErr != nil {
		m.tellErr(NoteBroken, "", in.BootErr)
		m.due = m.after(inspectEvery)
		return
	}
	m.boot, m.due = in.Boot, time.Time{}
	seq := m.journal.Seq // of a channel that came up before the boot record could be read
	j, err := DecodeJournal(in.Journal)
	if in.Err != nil {
		err = in.Err
	}
	m.journal = j
	m.journal.Seq = max(j.Seq, seq)
	if err != nil {
		m.unknown(err)
		return
	}
	m.state = j.State
	m.transfer = transfer{
		run:     uint64(m.step.now.UnixNano()),
		best:    j.Checkpoint,
		stage:   in.Memory.Stage,
		percent: in.Memory.Percent,
	}
	if !in.Memory.Again {
		m.transfer.percent = -1
		m.dropRebooting()
	}
	m.resume(in.Memory.Again)
	m.flush()
	m.tellValidated()
}

func (m *Machine) inspect(Input) {
	if m.overdue() {
		m.due = m.after(inspectEvery)
		m.do(Effect{Kind: DoInspect})
	}
}

// dropRebooting: that reboot is over.
func (m *Machine) dropRebooting() {
	m.journal.Reports = slices.DeleteFunc(
		slices.Clone(m.journal.Reports),
		func(r Report) bool { return r.Status == StatusRebooting },
	)
}

// unknown: a journal that cannot be used says nothing about what was under way. What has not proved
// itself is left.
func (m *Machine) unknown(err error) {
	m.tellErr(NoteJournal, "", err)
	m.forget()
	m.state = Idle
	switch {
	case m.boot.Next != m.boot.Active:
		m.goBack(m.boot.Other["uuid"], "nobody knows why it was to be booted: "+text(err))
	case !m.boot.Validated:
		m.goBack(m.boot.Meta["uuid"], "nobody knows how its trial began: "+text(err))
	default:
		m.enter(Idle)
	}
}

// resume goes on with what the journal says, as far as the boot record agrees.
func (m *Machine) resume(again bool) {
	j := &m.journal
	running, other := m.boot.Meta["uuid"], m.boot.Other["uuid"]
	switch j.State {
	case Deciding, Waiting, Fetching:
		m.resumeUpdate(again)
	case Flipping, Flipped:
		switch {
		case running == j.UUID:
			m.newFirmware()
		case m.flippedTo(j.UUID):
			m.resumeFlipped(again)
		case j.State == Flipping && !(m.boot.Reverted && other == j.UUID):
			m.resumeUpdate(again) // the flip did not happen
		default:
			m.otherFirmware(j.UUID)
		}
	case Trial:
		if running == j.UUID {
			m.resumeTrial(again)
		} else {
			m.otherFirmware(j.UUID)
		}
	case Reverting:
		m.resumeReverting(running)
	default:
		m.settle()
	}
}

// resumeUpdate goes on with an update of which nothing is flipped.
func (m *Machine) resumeUpdate(again bool) {
	j := &m.journal
	if m.boot.Meta["uuid"] != j.From || !m.boot.Validated || m.boot.Next != m.boot.Active {
		m.forget() // the device was given another firmware meanwhile: the join tells the hub
		m.settle()
		return
	}
	switch j.State {
	case Deciding:
		m.ask()
	case Waiting:
		now := m.step.now
		if m.due = j.Due; m.due.After(now.Add(maxWait)) { // the clock was wrong then, or is now
			m.due = now.Add(maxWait)
		}
	default:
		if !again {
			j.Count++
		}
		if j.Count > maxStarts {
			m.fail(fmt.Sprintf("the device went down %d times in a row without getting on", j.Count-1))
			return
		}
		m.tell(NoteResumed, j.UUID, "")
		m.begin(true)
	}
}

// maxWait bounds a wait that a clock may have got wrong: an address is signed for a day.
const maxWait = 24 * time.Hour

// newFirmware: the device has booted what it had flipped to. The join tells the hub all that the
// reports would.
func (m *Machine) newFirmware() {
	m.journal.Reports = nil
	if m.boot.Validated {
		m.committed()
		return
	}
	m.startTrial()
}

// otherFirmware: the boot loader did not boot uuid, or went back from it. The join tells the hub
// all that the reports would.
func (m *Machine) otherFirmware(uuid string) {
	m.journal.Reports = nil
	m.wentBack(uuid)
}

// resumeFlipped: the flip happened, the reboot did not.
func (m *Machine) resumeFlipped(again bool) {
	j := &m.journal
	if j.Count >= maxReboots && !again {
		m.callOff()
		return
	}
	if j.State == Flipping {
		m.flipped()
		return
	}
	m.depart("a new firmware was installed: " + j.Offer.String())
}

func (m *Machine) resumeTrial(again bool) {
	j := &m.journal
	if m.boot.Validated { // the commit was written, the rest was lost
		m.committed()
		return
	}
	if !again {
		j.Count++
		m.save()
	}
	if j.Count > maxTrials {
		m.goBack(j.UUID, fmt.Sprintf("it was started %d times without a commit", j.Count))
		return
	}
	m.startTrial()
}

// resumeReverting: either the boot record was not written yet, or the reboot has not happened, or
// all is done.
func (m *Machine) resumeReverting(running string) {
	j := &m.journal
	pending := m.boot.Next != m.boot.Active
	switch {
	case running == j.UUID && pending && j.Count < maxReboots:
		m.depart("back to the previous firmware")
	case running == j.UUID && pending:
		m.tell(NoteNoReboot, j.UUID, fmt.Sprintf("asked %d times", j.Count))
	case running == j.UUID, m.flippedTo(j.UUID):
		m.do(Effect{Kind: DoRevert})
	default:
		m.wentBack(j.UUID)
	}
}
