package hubtest

import (
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// NervesHub's defaults.
const (
	defaultConcurrency = 10
	defaultPenalty     = 24 * time.Hour
	updateExpiry       = 30 * time.Minute // of a record that nothing is heard of
	maxFailures        = 3                // attempts in all
	rateFailures       = 5                // attempts within rateWindow
	rateWindow         = 180 * time.Second
)

// Rollout selects devices and the firmware that they shall run.
type Rollout struct {
	Firmware    *Firmware
	Match       func(Metadata) bool // selects devices; nil: same product, platform and architecture
	Concurrency int                 // updates at a time; zero: 10
	// for how long a device that failed or ignored is left alone; zero: 24 h
	Penalty  time.Duration
	Attempts int // after which a device is left alone; zero: 3
}

// Deployment is a running rollout. It offers its firmware to devices that are online, validated and
// run another firmware, one at a time each, as an orchestrator does; a device whose record a rejoin
// has cleared gets the offer again.
type Deployment struct {
	Rollout
	id        int
	stopped   atomic.Bool
	active    atomic.Int32
	offered   atomic.Int32
	completed atomic.Int32
	failed    atomic.Int32
}

// Stop ends the offers. Updates that run go on.
func (d *Deployment) Stop() { d.stopped.Store(true) }

// ID returns the deployment_id of its offers.
func (d *Deployment) ID() int { return d.id }

// Stopped reports whether Stop was called.
func (d *Deployment) Stopped() bool { return d.stopped.Load() }

// DeploymentStats counts a rollout's offers by outcome.
type DeploymentStats struct {
	Active, Offered, Completed, Failed int // Completed: joined with the firmware
}

// Stats returns the counts.
func (d *Deployment) Stats() DeploymentStats {
	return DeploymentStats{
		Active: int(d.active.Load()), Offered: int(d.offered.Load()),
		Completed: int(d.completed.Load()), Failed: int(d.failed.Load()),
	}
}

// reserve takes one of the Concurrency places. False means that all are taken.
func (d *Deployment) reserve() bool {
	if int(d.active.Add(1)) <= d.Concurrency {
		return true
	}
	d.active.Add(-1)
	return false
}

// wants reports whether the rollout is for a device, at whatever time.
func (d *Deployment) wants(s *state) bool {
	want := d.Firmware.Metadata
	if d.stopped.Load() || s.running.UUID == want.UUID ||
		s.running.validated != nil && !*s.running.validated {
		return false
	}
	if d.Match != nil {
		return d.Match(s.running.Metadata)
	}
	have := s.running.Metadata
	return have.Product == want.Product && have.Platform == want.Platform &&
		have.Architecture == want.Architecture
}

// updates holds the hub's view of a device's updates.
type updates struct {
	current      *inflight
	blockedUntil time.Time
	attempts     []time.Time
	history      []UpdateEntry
}

// UpdateEntry is an update that is over.
type UpdateEntry struct {
	// Status: completed, failed, ignored, rescheduled, expired, or abandoned when a join or another
	// offer has ended it
	UpdateRecord
	Reason  string    // of a failed, ignored or rescheduled
	Offered time.Time // zero: the device has begun it by itself
	Ended   time.Time
}

// inflight is the record of an update that has been offered.
type inflight struct {
	uuid     string
	from     *Deployment // nil: pushed by hand
	status   string
	progress int
	offered  time.Time
	touched  time.Time
}

// begin records an offer. A slot of its deployment has been reserved.
func (u *updates) begin(now time.Time, uuid string, from *Deployment) {
	u.clear(now, "abandoned", "")
	u.current = &inflight{uuid: uuid, from: from, status: "requested", offered: now, touched: now}
	if from != nil {
		from.offered.Add(1)
	}
}

// clear puts the record, if there is one, into the history.
func (u *updates) clear(now time.Time, outcome, reason string) {
	c := u.current
	if c == nil {
		return
	}
	if c.from != nil {
		c.from.active.Add(-1)
	}
	record := c.record()
	record.Status = outcome
	u.history = keep(
		u.history,
		UpdateEntry{UpdateRecord: record, Reason: reason, Offered: c.offered, Ended: now},
	)
	u.current = nil
}

func (c *inflight) record() UpdateRecord {
	return UpdateRecord{UUID: c.uuid, Status: c.status, Progress: c.progress, Manual: c.from == nil}
}

// succeeded handles a join with another firmware than before, which NervesHub takes for a success
// whatever firmware it is.
func (u *updates) succeeded(now time.Time, uuid string) {
	outcome := "abandoned"
	if u.current != nil && u.current.uuid == uuid {
		outcome = "completed"
		if u.current.from != nil {
			u.current.from.completed.Add(1)
		}
	}
	u.clear(now, outcome, "")
	u.attempts, u.blockedUntil = nil, time.Time{}
}

func (u *updates) touch(now time.Time) {
	if u.current != nil {
		u.current.touched = now
	}
}

// report handles a status or a progress. The first one of an offer counts as an attempt; without an
// offer it makes an empty record. True means that the record is gone, so that another offer may
// follow.
func (u *updates) report(now time.Time, r report) bool {
	if u.current == nil {
		u.current = &inflight{status: "requested"}
	}
	c := u.current
	if c.status == "requested" {
		u.attempts = append(u.attempts, now)
		u.attempts = u.attempts[max(0, len(u.attempts)-maxAttempts):]
	}
	c.touched = now
	if r.progress >= 0 {
		c.progress = r.progress
	}
	name := r.status
	if name == "" {
		name = r.stage
	}
	switch {
	case name == "ignored", name == "failed":
		u.end(now, name, r.reason, penaltyOf(c.from))
	case name == "rescheduled" && r.delay != noDelay: // without a delay the row just keeps the status
		u.end(now, name, r.reason, r.delay)
	default:
		c.status = name
		return false
	}
	return true
}

func penaltyOf(d *Deployment) time.Duration {
	if d == nil {
		return 0
	}
	return d.Penalty
}

// end clears the record. The end of a deployment's offer blocks further offers for a while.
func (u *updates) end(now time.Time, outcome, reason string, block time.Duration) {
	if d := u.current.from; d != nil {
		d.failed.Add(1)
		u.blockedUntil = now.Add(block)
	}
	u.clear(now, outcome, reason)
}

// eligible reports whether a deployment may offer now. Too many attempts put the device into
// the penalty box.
func (u *updates) eligible(now time.Time, d *Deployment) bool {
	if u.current != nil && now.Sub(u.current.touched) >= updateExpiry {
		u.clear(now, "expired", "")
	}
	if u.current != nil || now.Before(u.blockedUntil) {
		return false
	}
	recent := 0
	for _, at := range u.attempts {
		if now.Sub(at) < rateWindow {
			recent++
		}
	}
	if len(u.attempts) >= d.Attempts || recent >= rateFailures {
		u.blockedUntil, u.attempts = now.Add(d.Penalty), nil
		return false
	}
	return true
}

// The modes of a device's updates.
const (
	modeAutomatic = "automatic"      // offers are pushed
	modeManaged   = "device_managed" // the device asks for them
	modeOff       = "off"            // neither
)

// mode decides who chooses the time of updates.
type mode struct {
	name    string // empty: automatic
	allowed bool   // the device may switch between automatic and device_managed
}

func (m mode) String() string {
	if m.name == "" {
		return modeAutomatic
	}
	return m.name
}

func (m mode) payload(problem string) jsontext.Value {
	if problem != "" {
		return object("mode", m.String(), "managed_updates_allowed", m.allowed, "error", problem)
	}
	return object("mode", m.String(), "managed_updates_allowed", m.allowed)
}

// set handles a device's request. The result is the error to answer with; empty means none.
func (m *mode) set(wanted string) string {
	switch {
	case wanted != modeAutomatic && wanted != modeManaged:
		return "unknown_mode"
	case !m.allowed || m.name == modeOff:
		return "not_permitted"
	}
	m.name = wanted
	return ""
}
