package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/cmd/sim/internal/report"
	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/extensions/health"
	"github.com/hublink-go/hublink/supervisor"
)

// Config of a run.
type Config struct {
	HubConfig
	Ramp      int           // devices started a second
	Duration  time.Duration // that the fleet stays after the last join
	Heartbeat time.Duration // zero: 30 s
	// HubRestart is when the hub restarts after the last join, without TLS: it closes every socket
	// with 1012, is down for 2 s and starts again at the same address. It must be less than Duration,
	// to which the time until all are back is added. Zero: never.
	HubRestart time.Duration
	// Hub makes a program that calls ServeHub with the same HubConfig, but for Listen.
	Hub   func(listen string) *exec.Cmd
	Print *report.Printer
}

const (
	// after the last start, and as long again as the hub's limit makes it
	joinWithin = 30 * time.Second
	stopWithin = 20 * time.Second
	hands      = 64 // devices that are started or stopped at the same time
	capacity   = 1 << 20
	grace      = 500 * time.Millisecond // by which a heartbeat may be late
	// joins leave garbage between what stays: collected early, it leaves fewer holes
	gcPercent = 25
)

// fleet is one run.
type fleet struct {
	cfg        Config
	hub        *child
	sys        *supervisor.System
	http       *http.Client
	security   *tls.Config
	extensions []extensions.Factory
	agents     []*actors.Device

	joins    atomic.Int64
	lastJoin atomic.Int64 // UnixNano
	cut      atomic.Int64 // dials that failed
	lost     atomic.Int64 // sockets
	crashes  atomic.Int64
	joined   chan struct{} // has a token after each join
	ending   atomic.Bool
	outage   outage
}

// Run starts the hub and the fleet, measures, and stops both.
func Run(ctx context.Context, cfg Config) (result Result, err error) {
	if err := openFiles(cfg.Devices); err != nil {
		return result, err
	}
	f := &fleet{
		cfg:        cfg,
		joined:     make(chan struct{}, 1),
		extensions: []extensions.Factory{health.New(health.Options{})},
	}
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	if f.hub, err = startHub(ctx, cfg.Hub("")); err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, f.hub.end()) }()
	f.security = &tls.Config{RootCAs: f.hub.roots, MinVersion: tls.VersionTLS12}
	f.http = &http.Client{Transport: &http.Transport{TLSClientConfig: f.security}}
	defer f.http.CloseIdleConnections()
	if f.sys, err = supervisor.NewSystem(supervisor.Options{
		Name:    "fleet",
		OnEvent: f.supervised,
	}); err != nil {
		return result, fmt.Errorf("start the fleet: %w", err)
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	result, err = f.measure(ctx)
	if err == nil && !result.OK {
		err = errors.New("not all devices have joined and stayed without an error")
	}
	return result, err
}

// measure is the run proper.
func (f *fleet) measure(ctx context.Context) (result Result, err error) {
	result.Devices = f.cfg.Devices
	without, err := use()
	if err != nil {
		return result, err
	}
	if f.cfg.Handshakes == 0 &&
		f.cfg.Devices > 1 { // bare sockets do not wait in front of a hub with a limit
		if result.SocketBytes, err = f.sockets(ctx); err != nil {
			return result, err
		}
	}
	began := time.Now()
	if err := f.start(ctx, began); err != nil {
		return result, err
	}
	f.await(ctx, f.joinTime())
	result.pace(int(f.joins.Load()), int(f.cut.Load()), time.Unix(0, f.lastJoin.Load()).Sub(began))
	f.cfg.Print.Line("%d devices have joined after %.1f s; staying for %v", f.joins.Load(),
		time.Since(began).Seconds(), f.cfg.Duration)
	if err := f.steady(ctx, &result); err != nil {
		return result, err
	}
	with, err := use()
	if err != nil {
		return result, err
	}
	held, err := f.hub.ask(ctx, askHeld)
	if err != nil {
		return result, err
	}
	f.count(&result)
	result.cost(without, with)
	result.HubBytes = max(0, held.Held-f.hub.Held) / int64(f.cfg.Devices)
	result.Seconds = round(time.Since(began).Seconds())
	result.judge()
	return result, nil
}

// steady is the time after the last join, with the hub's restart in it, if there is to be one.
func (f *fleet) steady(ctx context.Context, result *Result) (err error) {
	if f.cfg.HubRestart > 0 {
		if err := f.stay(ctx, result, f.cfg.HubRestart); err != nil {
			return err
		}
		if result.Restart, err = f.restart(ctx); err != nil {
			return err
		}
	}
	return f.stay(ctx, result, f.cfg.Duration-f.cfg.HubRestart)
}

// stay lets time pass and counts heartbeats.
func (f *fleet) stay(ctx context.Context, result *Result, d time.Duration) error {
	before, err := f.hub.ask(ctx, askStats)
	if err != nil {
		return err
	}
	if !sleep(ctx, d+grace) {
		return context.Cause(ctx)
	}
	after, err := f.hub.ask(ctx, askStats)
	if err != nil {
		return err
	}
	result.heartbeats(after.Received.Heartbeats-before.Received.Heartbeats, d, f.cfg.Heartbeat)
	return nil
}

// use is what the process uses once the garbage is gone.
func use() (usage, error) {
	resident, err := report.Resident()
	return usage{resident: resident, goroutines: runtime.NumGoroutine()}, err
}

// count looks at every device.
func (f *fleet) count(r *Result) {
	f.ending.Store(true) // what follows is our doing
	frames := 0
	for _, d := range f.agents {
		s := d.Status()
		if s.Connection == actors.Connected {
			r.Joined++
		}
		frames += int(s.Counters.BadFrames) //nolint:gosec // few
	}
	r.Errors = int(f.lost.Load()+f.crashes.Load()) + frames
	if f.cfg.Handshakes > 0 {
		r.TurnedAway = int(f.cut.Load())
	} else {
		r.Errors += int(f.cut.Load())
	}
}

// start starts the devices, one after the other at the pace of the ramp.
func (f *fleet) start(ctx context.Context, began time.Time) error {
	f.agents = make([]*actors.Device, f.cfg.Devices)
	starters := newCrew(func(i int) error { return f.agents[i].Start(ctx) })
	var err error
	for i := range f.agents {
		if f.agents[i], err = f.newAgent(i); err != nil {
			break
		}
		due := began.Add(time.Duration(i) * time.Second / time.Duration(f.cfg.Ramp))
		if !sleep(ctx, time.Until(due)) {
			err = context.Cause(ctx)
			break
		}
		starters.next(i)
	}
	return errors.Join(err, starters.done())
}

// joinTime is how long the devices may take to join.
func (f *fleet) joinTime() time.Duration {
	if f.cfg.Handshakes == 0 {
		return joinWithin
	}
	return joinWithin + 3*time.Duration(f.cfg.Devices)*time.Second/time.Duration(f.cfg.Handshakes)
}

// await waits until all have joined, but not for ever.
func (f *fleet) await(ctx context.Context, within time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for f.joins.Load() < int64(f.cfg.Devices) {
		select {
		case <-f.joined:
		case <-ctx.Done():
			return
		}
	}
}

// stop ends all devices.
func (f *fleet) stop() error {
	f.ending.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	stoppers := newCrew(func(i int) error {
		_ = f.agents[i].Stop(ctx) // what does not stop is in the report of the shutdown
		return nil
	})
	for i, d := range f.agents {
		if d != nil {
			stoppers.next(i)
		}
	}
	_ = stoppers.done()
	left, err := f.sys.Shutdown(ctx)
	return errors.Join(err, left.Err())
}

// sleep waits. False: ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(max(0, d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
