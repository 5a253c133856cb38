package chaos

import (
	"context"
	"time"
)

const (
	// else there is no victim, and the kill has to wait for another occasion
	strikeWithin = 3 * time.Second
	reportWithin = 2 * time.Second // from the panic to the supervisor's report
)

// killAll goes through the kills of the device, in order; one that found no victim in time goes to
// the end of the list.
func (u *unit) killAll(ctx context.Context) {
	for len(u.kills) > 0 {
		k := u.kills[0]
		u.kills = u.kills[1:]
		if !sleep(ctx, k.After) {
			return
		}
		switch {
		case u.kill(ctx, k):
			u.counts[k.Kind]++
		case ctx.Err() != nil:
			return
		default:
			u.kills = append(u.kills, k)
		}
	}
}

// kill arms one kill and waits until the supervisor has reported the crash. False: it hit nothing.
func (u *unit) kill(ctx context.Context, k Kill) bool {
	t := &target{device: u.name, kind: k.Kind, spare: k.Spare, dead: make(chan struct{})}
	u.run.injector.arm(t)
	if !u.dead(ctx, t, strikeWithin) && (u.run.injector.disarm(t) || !u.dead(ctx, t, reportWithin)) {
		return false
	}
	u.run.hit(u, t)
	return true
}

func (u *unit) dead(ctx context.Context, t *target, within time.Duration) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-t.dead:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// sleep waits. False: ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
