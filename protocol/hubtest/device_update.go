package hubtest

import (
	"context"
	"slices"
	"time"
)

// Updates acts on the updates of one device; see [Device.Update].
type Updates struct{ dev *Device }

// Offer offers a firmware to this device by hand, whatever it runs, validated or not.
func (u Updates) Offer(f *Firmware) error {
	payload := f.Offer(0)
	return u.dev.step(func(s *session) bool {
		if s.channel(topicDevice) == nil {
			return false
		}
		s.dev.update.begin(u.dev.hub.cfg.Now(), f.UUID, nil)
		return s.broadcast(topicDevice, "update", payload)
	})
}

// Statuses lists the statuses that were ever reported, in order.
func (u Updates) Statuses() []string { return u.dev.Snapshot().Statuses }

// WaitStatus waits until the device has reported a status, now or before.
func (u Updates) WaitStatus(ctx context.Context, status string) error {
	return u.dev.Wait(ctx, func(s Snapshot) bool { return slices.Contains(s.Statuses, status) })
}

// History lists the updates that are over, oldest first. Rollouts leave the device alone until
// blockedUntil; zero means that they do not.
func (u Updates) History() (over []UpdateEntry, blockedUntil time.Time) {
	u.dev.mu.Lock()
	defer u.dev.mu.Unlock()
	return slices.Clone(u.dev.state.update.history), u.dev.state.update.blockedUntil
}

// Unblock takes the device out of the penalty box and forgets its attempts.
func (u Updates) Unblock() {
	u.dev.mu.Lock()
	u.dev.state.update.blockedUntil, u.dev.state.update.attempts = time.Time{}, nil
	u.dev.mu.Unlock()
	u.dev.hub.rollouts.round()
}

// SetMode decides who starts the device's updates: "automatic", "device_managed" or "off", and
// whether the device may change that itself.
func (u Updates) SetMode(name string, deviceMayChange bool) {
	u.dev.mu.Lock()
	u.dev.state.mode = mode{name: name, allowed: deviceMayChange}
	u.dev.mu.Unlock()
	_ = u.dev.step(func(s *session) bool { // an offline device is told when it joins
		return s.rules.modes && s.dev.running.api != nil && atLeast(s.dev.running.api, 2, 4) &&
			s.broadcast(topicDevice, "update_mode", s.dev.mode.payload(""))
	})
}
