package hubtest

import (
	"cmp"
	"slices"
	"time"
)

const backupRound = 130 * time.Second // NervesHub: 121 to 140 s

// Update offers a firmware to this device by hand: whatever it runs, validated or not.
func (d *Device) Update(f *Firmware) error {
	payload := f.Offer(0)
	return d.step(func(s *session) bool {
		if s.channel(topicDevice) == nil {
			return false
		}
		s.dev.update.begin(d.hub.cfg.Now(), f.UUID, nil)
		return s.broadcast(topicDevice, "update", payload)
	})
}

// Deploy starts a rollout.
func (h *Hub) Deploy(r Rollout) *Deployment {
	r.Concurrency = cmp.Or(r.Concurrency, defaultConcurrency)
	r.Penalty = cmp.Or(r.Penalty, defaultPenalty)
	r.Attempts = cmp.Or(r.Attempts, maxFailures)
	d := &Deployment{Rollout: r}
	h.mu.Lock()
	h.deployments = append(h.deployments, d)
	d.id = len(h.deployments)
	h.mu.Unlock()
	h.round()
	return d
}

// Deployments lists the rollouts, oldest first, also those that were stopped.
func (h *Hub) Deployments() []*Deployment {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.deployments)
}

// round asks for a round of offers.
func (h *Hub) round() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// orchestrate makes rounds of offers: when something has happened, but not too often, and from time
// to time. It ends with the hub.
func (h *Hub) orchestrate() {
	backup := time.NewTicker(backupRound)
	defer backup.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-pause.C:
		case <-h.done:
			return
		}
		select {
		case <-h.wake:
		case <-backup.C:
		case <-h.done:
			return
		}
		if h.offerAll() {
			pause.Reset(h.cfg.RolloutEvery)
		} else {
			pause.Reset(0)
		}
	}
}

// offerAll is one round. False: there is no rollout.
func (h *Hub) offerAll() bool {
	h.mu.Lock()
	deployments, devices := slices.Clone(h.deployments), h.order
	h.mu.Unlock()
	for _, dep := range deployments {
		for _, d := range devices {
			if !h.offer(dep, d) {
				break
			}
		}
	}
	return len(deployments) > 0
}

// offer offers a rollout's firmware to a device if it is for it, now. False: the rollout has no
// free slot.
func (h *Hub) offer(dep *Deployment, d *Device) bool {
	now := h.cfg.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	l, s := d.link, &d.state
	if l == nil || l.closing || !s.online || s.mode.String() != modeAutomatic || !dep.wants(s) ||
		!s.update.eligible(now, dep) {
		return true
	}
	if !dep.reserve() {
		return false
	}
	s.update.begin(now, dep.Firmware.UUID, dep)
	l.session.broadcast(topicDevice, "update", dep.Firmware.Offer(dep.id))
	l.collect()
	h.spawn(l.flush) // a device that does not read must not hold up the others
	return true
}

// answerAsks does what a step has left to the hub.
func (h *Hub) answerAsks(l *link, asked asks) {
	if asked&askRollout != 0 {
		h.round()
	}
	if asked&(askCheck|askOffer) == 0 {
		return
	}
	h.mu.Lock()
	deployments := slices.Clone(h.deployments)
	h.mu.Unlock()
	l.step(func(s *session) {
		i := slices.IndexFunc(deployments, func(d *Deployment) bool { return d.wants(s.dev) })
		var dep *Deployment
		if i >= 0 {
			dep = deployments[i]
		}
		if asked&askCheck != 0 {
			s.checkUpdate(dep)
		}
		if asked&askOffer != 0 {
			s.requestUpdate(h.cfg.Now(), dep, len(deployments) > 0)
		}
	})
}

// checkUpdate answers check_update. dep is nil when no rollout wants the device.
func (s *session) checkUpdate(dep *Deployment) {
	available := dep != nil && s.dev.mode.String() != modeOff
	if !available {
		s.push(topicDevice, "update_available", object("available", false, "firmware_meta", nil))
		return
	}
	s.push(
		topicDevice,
		"update_available",
		object("available", true, "firmware_meta", dep.Firmware.meta()),
	)
}

// requestUpdate answers request_update with an offer or with why there is none.
func (s *session) requestUpdate(now time.Time, dep *Deployment, deployed bool) {
	const busyMinutes = 5
	reject := func(reason string) { s.push(topicDevice, "update_rejected", object("reason", reason)) }
	switch {
	case !deployed:
		reject("no_deployment_group")
	case s.dev.update.current != nil && now.Sub(s.dev.update.current.touched) < updateExpiry:
		reject("already_updating")
	case dep == nil, s.dev.mode.String() == modeOff, !s.dev.update.eligible(now, dep):
		reject("no_update")
	case !dep.reserve():
		s.push(topicDevice, "update_rejected", object("reason", "busy", "delay_for", busyMinutes))
	default:
		s.dev.update.begin(now, dep.Firmware.UUID, dep)
		s.broadcast(topicDevice, "update", dep.Firmware.Offer(dep.id))
	}
}
