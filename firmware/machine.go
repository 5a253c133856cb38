package firmware

import (
	"slices"
	"time"
)

// Config sets how a machine behaves; the zero value means the defaults.
type Config struct {
	Policy Policy
	// commit only when CommitWanted; false: as soon as the device channel has joined
	ManualCommit bool
	// from the start on trial until it is given up; zero: 15 min, negative: never
	CommitDeadline time.Duration
	DecideWithin   time.Duration // for the client's decision, then the offer is applied; zero: 35 s
	RebootWithin   time.Duration // until a reboot is asked for again; zero: 90 s
}

// Machine is the core of the update path of one device. It starts with the input Started.
type Machine struct {
	cfg      Config
	state    State
	journal  Journal // as on disk, or as it will be after this step
	boot     BootState
	hub      hubSide
	transfer transfer
	leave    departure
	due      time.Time // of the state; zero: none
	trialEnd time.Time // Trial: when it is given up; zero: never
	held     *Offer    // came while a commit was being written
	step     step
}

// hubSide is what the machine knows of the hub.
type hubSide struct {
	joined bool
	pushed uint64 // reports up to here were given to this join
	knows  bool   // that the running firmware is committed; its join said so, or we did since
}

// step is what only lives for one call of Step.
type step struct {
	now    time.Time
	out    []Effect
	dirty  bool
	must   bool
	pushed uint64 // hubSide.pushed before the last step
}

// NewMachine makes a machine that waits for Started.
func NewMachine(cfg Config) Machine {
	def := func(d *time.Duration, zero time.Duration) {
		if *d == 0 {
			*d = zero
		}
	}
	def(&cfg.CommitDeadline, 15*time.Minute)
	def(&cfg.DecideWithin, 35*time.Second)
	def(&cfg.RebootWithin, 90*time.Second)
	return Machine{cfg: cfg, state: Starting}
}

// State is the machine's state.
func (m *Machine) State() State { return m.state }

// Boot is the boot record as it was read last.
func (m *Machine) Boot() BootState { return m.boot }

// Reverted reports whether the device came back from the firmware in the other slot.
func (m *Machine) Reverted() bool {
	return m.boot.Reverted || m.journal.wentBack(m.boot.Other["uuid"])
}

// Update returns the offer that is being worked on and how far; nil when there is none.
func (m *Machine) Update() (o *Offer, stage Stage, percent int) {
	if !m.state.busy() {
		return nil, 0, 0
	}
	return m.journal.Offer, m.transfer.stage, max(0, m.transfer.percent)
}

// Memory is for the machine that follows this one in the same process.
func (m *Machine) Memory() Memory {
	return Memory{Again: m.state != Starting, Stage: m.transfer.stage, Percent: m.transfer.percent}
}

// Facts are what a join says.
type Facts struct {
	Meta        Metadata // of the running firmware; nil while it is not known
	Downloading string   // uuid of the update in progress; "": none
	Validated   *bool    // nil: not known
	Reverted    bool
}

// Facts returns what to tell the hub with the next join.
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

// Deadline is when Step wants to be called at the latest; zero: only when something happens.
func (m *Machine) Deadline() time.Time {
	due := m.due
	for _, d := range [...]time.Time{m.leave.due, m.trialDue()} {
		if !d.IsZero() && (due.IsZero() || d.Before(due)) {
			due = d
		}
	}
	return due
}

// Step takes in what happened at now and appends what is to be done to out. Every input is allowed
// at any time.
func (m *Machine) Step(now time.Time, in Input, out []Effect) []Effect {
	first := len(out)
	m.step.now, m.step.out = now, out
	if in.Kind != PersistFailed {
		m.step.pushed = m.hub.pushed
	}
	if in.Kind < inputs {
		table[m.state][in.Kind](m, in)
	}
	m.goOn()
	out = m.step.out
	if m.step.dirty {
		out = slices.Insert(out, first, m.persist())
	}
	m.step.out, m.step.dirty, m.step.must = nil, false, false
	return out
}

func (m *Machine) persist() Effect {
	e := Effect{Kind: DoPersist, Must: m.step.must}
	e.Journal, e.Err = m.journal.Encode()
	return e
}

func (m *Machine) do(e Effect) { m.step.out = append(m.step.out, e) }

func (m *Machine) tell(n Note, uuid, reason string) {
	m.do(Effect{Kind: DoTell, Note: n, UUID: uuid, Reason: reason})
}

func (m *Machine) tellErr(n Note, uuid string, err error) {
	m.do(Effect{Kind: DoTell, Note: n, UUID: uuid, Reason: err.Error(), Err: err})
}

// save has the journal written before anything else of this step is done.
func (m *Machine) save() { m.step.dirty = true }

// saveOrFail is save for what must not be done when the journal cannot be written.
func (m *Machine) saveOrFail() { m.step.dirty, m.step.must = true, true }

// enter changes the state; its deadline is the caller's business.
func (m *Machine) enter(s State) {
	if d := s.durable(); d != m.journal.State {
		m.journal.State, m.journal.Count = d, 0
		m.save()
	}
	m.state, m.due = s, time.Time{}
}

// due reports whether the state's deadline has come.
func (m *Machine) overdue() bool { return !m.due.IsZero() && !m.step.now.Before(m.due) }

// recent reports whether t lies less than d back; what lies ahead, by a clock that was set back,
// does not.
func (m *Machine) recent(t time.Time, d time.Duration) bool {
	since := m.step.now.Sub(t)
	return since >= 0 && since < d
}

func (m *Machine) after(d time.Duration) time.Time { return m.step.now.Add(d) }

// forget ends what was under way; the journal keeps reports and what failed on trial.
func (m *Machine) forget() {
	j := &m.journal
	*j = Journal{State: Idle, Seq: j.Seq, Reports: j.Reports, WentBack: j.WentBack}
	m.transfer = transfer{run: m.transfer.run}
	m.save()
}

// settle is where everything ends: idle on a committed firmware, else on trial.
func (m *Machine) settle() {
	if m.boot.Validated {
		m.enter(Idle)
		return
	}
	m.startTrial()
}
