package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/firmware/ramdev"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

const (
	// an offer may be lost with the actor that held it; a hub repeats it, too
	offerAgain = 2 * time.Second
	stopWithin = 8 * time.Second
	askEvery   = 300 * time.Millisecond
)

// unit is one device of a run: its flash, the agent that runs on it at the moment, and what was
// counted of it. It belongs to the goroutine of live but for what mu guards.
type unit struct {
	run    *run
	name   string
	flash  *ramdev.Device
	hub    *hubtest.Device
	agent  *actors.Device
	boots  int
	kills  []Kill
	counts Kills

	completed int // updates

	mu        sync.Mutex
	rebooting bool
	drops     int
	started   map[string]bool // firmware whose download has begun
	news      chan struct{}   // closed at the next event
	failure   string          // why an update failed
}

// newFlash makes the storage of a device, whose boot loader gives a firmware one start on trial.
func newFlash() *ramdev.Device {
	d := ramdev.New(description(0), imageSize)
	d.TrialBoots = 1
	return d
}

// live runs the device until all its kills have hit and the update that was under way then is over.
func (u *unit) live(ctx context.Context) error {
	if err := u.boot(ctx); err != nil {
		return err
	}
	defer u.off()
	ctx, cancel := context.WithCancel(ctx)
	var reaper sync.WaitGroup
	done := make(chan struct{})
	reaper.Go(func() { // ends with ctx, or when all are dead
		defer close(done)
		u.killAll(ctx)
	})
	reaper.Go(func() { u.ask(ctx) }) // ends with ctx
	defer reaper.Wait()
	defer cancel()
	for version := 1; ; version++ {
		if err := u.update(ctx, version); err != nil {
			return fmt.Errorf("%s: update to %s: %w (%s)", u.name, versionName(version), err, u.situation())
		}
		select {
		case <-done:
			return ctx.Err()
		default:
		}
	}
}

// situation describes the device for the error of a run.
func (u *unit) situation() string {
	s := u.agent.Status()
	where := fmt.Sprintf("%s, runs %s, validated %v", s.Connection, s.Firmware["version"], s.Validated)
	if s.Update != nil {
		where += fmt.Sprintf(", update %s %d %%", s.Update.Stage, s.Update.Percent)
	}
	return where + ", statuses " + strings.Join(u.hub.Update().Statuses(), " ")
}

// boot starts the machine: the boot loader first, then an agent.
func (u *unit) boot(ctx context.Context) error {
	u.flash.Boot()
	if err := u.flash.Check(); err != nil {
		return fmt.Errorf("%s: %w", u.name, err)
	}
	u.boots++
	u.mu.Lock()
	u.rebooting = false
	u.mu.Unlock()
	secret := u.run.hub.Secret(u.name)
	agent, err := actors.New(actors.Config{
		Identity: u.name, Name: u.name, System: u.run.sys,
		Hub: actors.Hub{URL: u.run.hub.URL(), Secret: &secret},
		Firmware: actors.Firmware{
			Slots: u.flash, Applier: u.flash, Journal: u.flash,
			HTTP: u.run.http, RetryDelay: time.Second,
		},
		Extensions: u.run.cfg.Extensions,
		Client:     actors.Client{Deadline: time.Second},
		OnEvent:    u.event,
		Seed:       u.run.cfg.Seed + 1,
	})
	if err != nil {
		return err
	}
	if err := agent.Start(ctx); err != nil {
		return err
	}
	u.agent = agent
	return nil
}

// off stops the agent. What does not stop counts as a leaked goroutine.
func (u *unit) off() {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	if err := u.agent.Stop(ctx); err != nil {
		u.run.cfg.Print.Line("%s does not stop: %v", u.name, err)
	}
}

// update brings the device to a version: offers it, as often as it takes, waits for the reboot, and
// for the commit after it.
func (u *unit) update(ctx context.Context, version int) error {
	fw, err := u.run.firmware(version)
	if err != nil {
		return err
	}
	if err := u.offer(ctx, fw); err != nil {
		return err
	}
	agent, ended := u.agent, make(chan error, 1)
	go func() { ended <- agent.Wait() }() // ends with the agent, which off stops at the latest
	if err := u.await(ctx, ended); err != nil {
		return err
	}
	u.off()
	if err := u.boot(ctx); err != nil {
		return err
	}
	err = u.hub.Wait(ctx, func(s hubtest.Snapshot) bool {
		return s.Online && s.Running.UUID == fw.UUID && s.Validated != nil && *s.Validated
	})
	if err != nil {
		return fmt.Errorf("wait for the commit: %w", err)
	}
	u.completed++
	return nil
}

// offer offers until the download has begun.
func (u *unit) offer(ctx context.Context, fw *hubtest.Firmware) error {
	for {
		if err := u.hub.WaitJoined(ctx); err != nil {
			return err
		}
		_ = u.hub.Update().Offer(fw) // it may just rejoin: then again
		again := time.NewTimer(offerAgain)
		for waiting := true; waiting; {
			started, news := u.look(fw.UUID)
			if started {
				again.Stop()
				return nil
			}
			select {
			case <-news:
			case <-again.C:
				waiting = false
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
}

// await waits for the agent to ask for its reboot.
func (u *unit) await(ctx context.Context, ended <-chan error) error {
	for {
		_, news := u.look("")
		if why := u.failed(); why != "" {
			return errors.New(why)
		}
		select {
		case err := <-ended:
			if !errors.Is(err, actors.ErrReboot) {
				return fmt.Errorf("the agent has ended by itself: %w", err)
			}
			return nil
		case <-news:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// ask keeps the extensions busy.
func (u *unit) ask(ctx context.Context) {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			for _, f := range u.run.cfg.Extensions {
				_ = u.hub.Extensions().Ask(f.Name) // lost while it is not attached
			}
		case <-ctx.Done():
			return
		}
	}
}

// event is the agent's hook.
func (u *unit) event(e actors.Event) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch e.Kind {
	case actors.EventDisconnected:
		if !u.rebooting {
			u.drops++
			u.run.cfg.Print.Line("%s has lost its socket: %v", u.name, e.Err)
		}
	case actors.EventRebooting:
		u.rebooting = true
	case actors.EventUpdateStarted:
		u.started[e.UUID] = true
	case actors.EventUpdateFailed:
		u.failure = "it has failed: " + e.Detail
	default:
		return
	}
	close(u.news)
	u.news = make(chan struct{})
}

// look reports whether the download of a firmware has begun; news is closed at the next event.
func (u *unit) look(uuid string) (started bool, news <-chan struct{}) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.started[uuid], u.news
}

func (u *unit) failed() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.failure
}
