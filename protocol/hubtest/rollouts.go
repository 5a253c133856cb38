package hubtest

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

const backupRound = 130 * time.Second // NervesHub: 121 to 140 s

// Rollouts brings firmware to many devices; see [Hub.Rollouts]. It makes rounds of offers, as
// NervesHub's orchestrators do.
type Rollouts struct {
	hub  *Hub
	wake chan struct{} // a round of offers is due

	mu  sync.Mutex
	all []*Deployment
}

func (o *Rollouts) init(h *Hub) { o.hub, o.wake = h, make(chan struct{}, 1) }

// Start starts a rollout.
func (o *Rollouts) Start(r Rollout) *Deployment {
	r.Concurrency = cmp.Or(r.Concurrency, defaultConcurrency)
	r.Penalty = cmp.Or(r.Penalty, defaultPenalty)
	r.Attempts = cmp.Or(r.Attempts, maxFailures)
	d := &Deployment{Rollout: r}
	o.mu.Lock()
	o.all = append(o.all, d)
	d.id = len(o.all)
	o.mu.Unlock()
	o.round()
	return d
}

// All lists the rollouts, oldest first, the stopped ones included.
func (o *Rollouts) All() []*Deployment {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.all)
}

// round asks for a round of offers.
func (o *Rollouts) round() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// run makes rounds of offers: when something has happened, but not too often, and from time to
// time. It ends with the hub.
func (o *Rollouts) run() {
	backup := time.NewTicker(backupRound)
	defer backup.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-pause.C:
		case <-o.hub.registry.done:
			return
		}
		select {
		case <-o.wake:
		case <-backup.C:
		case <-o.hub.registry.done:
			return
		}
		if o.offerAll() {
			pause.Reset(o.hub.cfg.RolloutEvery)
		} else {
			pause.Reset(0)
		}
	}
}

// offerAll is one round. False: there is no rollout.
func (o *Rollouts) offerAll() bool {
	deployments, devices := o.All(), o.hub.registry.list()
	for _, dep := range deployments {
		for _, d := range devices {
			if !o.offer(dep, d) {
				break
			}
		}
	}
	return len(deployments) > 0
}

// offer offers a rollout's firmware to a device that it is for and that may get it now. False means
// that the rollout has no free slot.
func (o *Rollouts) offer(dep *Deployment, d *Device) bool {
	now := o.hub.cfg.Now()
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
	o.hub.registry.spawn(l.flush) // a device that does not read must not hold up the others
	return true
}

// answer does what a step has left to the hub.
func (o *Rollouts) answer(l *link, asked asks) {
	if asked&askRollout != 0 {
		o.round()
	}
	if asked&(askCheck|askOffer) == 0 {
		return
	}
	deployments := o.All()
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
			s.requestUpdate(o.hub.cfg.Now(), dep, len(deployments) > 0)
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
