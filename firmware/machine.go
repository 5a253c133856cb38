package firmware

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Config sets how a machine behaves; the zero value means the defaults.
type Config struct {
	Policy Policy
	// commit on CommitWanted only; false: as soon as the device channel has joined
	ManualCommit bool
	// of a trial, from its start until it is reverted; zero: 15 min, negative: never
	CommitDeadline time.Duration
	DecideWithin   time.Duration // for the client's decision, then the offer is applied; zero: 35 s
	RebootWithin   time.Duration // until a reboot is asked for again; zero: 90 s
}

// Machine is the core of the update path of one device. Its first input is Started.
//
// The table of states.go hands each input to the part that it concerns: update, from the offer to
// the flip; trial, from the first boot to the commit or the revert; reboot. A part changes what is
// shared, and returns what another part has to do next.
type Machine struct {
	shared
	update       update
	trial        trial
	reboot       reboot
	rebootWithin time.Duration
}

// NewMachine returns a machine that waits for Started.
func NewMachine(cfg Config) Machine {
	def := func(d *time.Duration, zero time.Duration) {
		if *d == 0 {
			*d = zero
		}
	}
	def(&cfg.CommitDeadline, 15*time.Minute)
	def(&cfg.DecideWithin, 35*time.Second)
	def(&cfg.RebootWithin, 90*time.Second)
	return Machine{
		shared: shared{state: Starting}, update: newUpdate(cfg.Policy, cfg.DecideWithin),
		trial: newTrial(cfg.CommitDeadline, cfg.ManualCommit), rebootWithin: cfg.RebootWithin,
	}
}

// State returns the machine's state.
func (m *Machine) State() State { return m.state }

// Boot returns the boot record as it was read last.
func (m *Machine) Boot() BootState { return m.boot }

// Reverted reports whether the device reverted from the firmware in the other slot.
func (m *Machine) Reverted() bool {
	return m.boot.Reverted || m.journal.failed(m.boot.Other["uuid"])
}

// Update returns the offer that is being worked on and how far it is; nil means none.
func (m *Machine) Update() (o *Offer, stage Stage, percent int) {
	if !m.state.busy() {
		return nil, 0, 0
	}
	t := &m.update.transfer
	return m.journal.Offer, t.stage, max(0, t.percent)
}

// Memory returns what the next machine in the same process has to know.
func (m *Machine) Memory() Memory {
	t := &m.update.transfer
	return Memory{Again: m.state != Starting, Stage: t.stage, Percent: t.percent}
}

// Facts are what a join says.
type Facts struct {
	Meta        Metadata // of the running firmware; nil means not known yet
	Downloading string   // uuid of the update in progress; "" means none
	Validated   *bool    // nil means not known yet
	Reverted    bool
}

// Facts returns what the next join tells the hub.
func (m *Machine) Facts() Facts {
	f := Facts{Reverted: m.Reverted()}
	if m.state.busy() {
		f.Downloading = m.journal.UUID
	}
	if m.state != Starting {
		validated := m.boot.Validated
		f.Meta, f.Validated = m.boot.Meta, &validated
	}
	return f
}

// Deadline returns when Step has to be called at the latest; zero means not before the next input.
func (m *Machine) Deadline() time.Time {
	due := earliest(m.due, m.reboot.due)
	if m.state == Trial {
		due = earliest(due, m.trial.deadline())
	}
	return due
}

// Step handles one input at the time now and appends what is to be done to out. Every input is
// allowed in every state.
func (m *Machine) Step(now time.Time, in Input, out []Effect) []Effect {
	first := len(out)
	m.now, m.out = now, out
	if in.kind != persistFailed {
		m.reports.begin()
	}
	if in.kind < inputs {
		if n := table[m.state][in.kind](m, in); n.part != nextNothing {
			m.then(n)
		}
	}
	if m.reboot.wanted() {
		m.stepReboot()
	}
	out = m.out
	if m.dirty {
		out = slices.Insert(out, first, m.persist())
	}
	m.out, m.dirty, m.must = nil, false, false
	return out
}

// next is what a part asks another part to do, after what it has done itself.
type next struct {
	part   nextPart
	uuid   string // nextRevert
	reason string // nextReboot, nextRevert
}

type nextPart uint8

const (
	nextNothing nextPart = iota
	nextSettle           // the trial decides between idle and trial
	nextReboot
	nextRevert
	nextOffer // an offer that waited can be answered
)

// then hands what one part asks for to the other.
func (m *Machine) then(n next) {
	switch n.part {
	case nextSettle:
		m.trial.settle(&m.shared)
	case nextReboot:
		m.reboot.start(&m.shared, n.reason)
	case nextRevert:
		m.trial.revert(&m.shared, n.uuid, n.reason)
	case nextOffer:
		m.update.release(&m.shared)
	case nextNothing:
	}
}

// stepReboot continues a reboot at the end of each step, in every state.
func (m *Machine) stepReboot() {
	reason := m.reboot.reason
	switch m.reboot.step(m.now, m.rebootWithin) {
	case rebootAsks:
		if m.state == Flipped || m.state == Reverting {
			m.journal.Count++
			m.save()
		}
		m.do(askReboot(reason))
	case rebootGivesUp:
		m.tell(NoteRebootFailed, m.journal.UUID, fmt.Sprintf("asked %d times", maxReboots))
		if m.state == Flipped {
			m.then(m.update.callOff(&m.shared))
		}
	case rebootWaits:
	}
}

// errUnreadable is the answer to what needs the boot record while it cannot be read.
var errUnreadable = errors.New("the device cannot read its boot record")

// start continues where the journal and the boot record say.
func (m *Machine) start(in Input) next {
	disk := &in.rare.disk
	if disk.Boot.Err != nil {
		m.tellErr(NoteBootUnreadable, "", disk.Boot.Err)
		m.due = m.after(inspectEvery)
		return next{}
	}
	m.boot, m.due = disk.Boot.State, time.Time{}
	seq := m.journal.Seq // of a channel that came up before the boot record could be read
	j, err := DecodeJournal(disk.Journal)
	if disk.JournalErr != nil {
		err = disk.JournalErr
	}
	m.journal = j
	m.journal.Seq = max(j.Seq, seq)
	if err != nil {
		return m.startWithout(err)
	}
	m.state = j.State
	m.update.transfer = newTransfer(uint64(m.now.UnixNano()), j.Checkpoint)
	if mem := disk.Memory; mem.Again {
		m.update.transfer.stage, m.update.transfer.percent = mem.Stage, mem.Percent
	} else {
		m.journal.Reports = slices.DeleteFunc(slices.Clone(m.journal.Reports),
			func(r Report) bool { return r.Status == StatusRebooting }) // that reboot is over
	}
	m.then(m.resume(disk.Memory.Again))
	m.flush()
	m.tellValidated()
	return next{}
}

// startWithout starts with a journal that cannot be used, which says nothing about what was under
// way. The device leaves a firmware that has not proved itself.
func (m *Machine) startWithout(err error) next {
	m.tellErr(NoteJournal, "", err)
	m.update.forget(&m.shared)
	m.state = Idle
	switch {
	case m.boot.pending():
		return next{
			nextRevert, m.boot.Other["uuid"],
			"the journal cannot say why it was to be booted: " + err.Error(),
		}
	case !m.boot.Validated:
		return next{
			nextRevert, m.boot.Meta["uuid"],
			"the journal cannot say how its trial began: " + err.Error(),
		}
	default:
		m.enter(Idle)
		return next{}
	}
}

// resume continues what the journal says, as far as the boot record agrees. again means that this
// is not the first machine of its process.
func (m *Machine) resume(again bool) next {
	j, s := &m.journal, &m.shared
	switch resume(j, &m.boot) {
	case resumeUpdate:
		return m.update.resume(s, again)
	case resumeDropped:
		m.update.forget(s) // the join tells the hub
	case resumeFlipped:
		return m.update.resumeFlipped(s, again)
	case resumeBooted:
		j.Reports = nil // the join tells the hub all that the reports would
		if !m.boot.Validated {
			return next{part: nextSettle}
		}
		m.trial.committed(s)
		return next{}
	case resumeOther:
		j.Reports = nil // as above
		m.trial.reverted(s, j.UUID)
		return next{}
	case resumeTrial:
		return m.trial.resume(s, again)
	case resumeCommitted:
		m.trial.committed(s)
		return next{}
	case resumeReboot:
		if j.Count < maxReboots {
			return next{part: nextReboot, reason: toPrevious}
		}
		m.tell(NoteRebootFailed, j.UUID, fmt.Sprintf("asked %d times", j.Count))
		return next{}
	case resumeRevert:
		m.do(revertBoot())
		return next{}
	case resumeReverted:
		m.trial.reverted(s, j.UUID)
		return next{}
	case resumeNothing:
	}
	return next{part: nextSettle}
}
