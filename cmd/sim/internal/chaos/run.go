package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/hublink-go/hublink/cmd/sim/internal/report"
	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/protocol/hubtest"
	"github.com/hublink-go/hublink/supervisor"
)

const (
	liveWithin = 42 * time.Second
	endWithin  = 3 * time.Second // for goroutines that are about to end
	imageSize  = 3 << 19         // 1.5 MiB
	imageSpeed = 3 << 18         // bytes a second: an update takes two seconds
)

// Config of a run.
type Config struct {
	Kinds   []Kind
	Kills   int // in all
	Devices int
	Seed    uint64
	Print   *report.Printer
	// what the devices have; the hub serves each of them
	Extensions []extensions.Factory
}

// Validate returns why a run with cfg cannot be, or nil.
func (cfg *Config) Validate() error {
	return feasible(cfg.Kinds, cfg.Kills, cfg.Devices, cfg.limits())
}

func (cfg *Config) limits() Limits { return DeviceLimits(namesOf(cfg.Extensions)) }

// run is one run.
type run struct {
	cfg      Config
	began    time.Time
	hub      *hubtest.Hub
	sys      *supervisor.System
	http     *http.Client
	injector *injector
	units    []*unit

	mu     sync.Mutex
	images map[int]*hubtest.Firmware // by version
}

// Run carries out a plan that cfg describes. The error is what went wrong beside what the result
// shows.
func Run(ctx context.Context, cfg Config) (Result, error) {
	plan, err := NewPlan(cfg.Seed, cfg.Kinds, cfg.Kills, cfg.Devices, cfg.limits())
	if err != nil {
		return Result{}, err
	}
	before := runtime.NumGoroutine()
	late := fmt.Errorf("the run was not over within %v", liveWithin)
	ctx, cancel := context.WithTimeoutCause(ctx, liveWithin, late)
	defer cancel()
	r := &run{
		cfg:      cfg,
		began:    time.Now(),
		injector: newInjector(),
		images:   map[int]*hubtest.Firmware{},
	}
	result, err := r.carryOut(ctx, plan)
	result.GoroutinesLeaked = leaked(before)
	result.judge(cfg.Kills)
	if err == nil && !result.OK {
		err = errors.New("the crashes were noticed: see the counts")
	}
	return result, err
}

// carryOut starts hub and devices, lets them run, and counts.
func (r *run) carryOut(ctx context.Context, plan Plan) (result Result, err error) {
	if err := r.open(); err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	for i, kills := range plan {
		r.units = append(r.units, r.newUnit(i, kills))
	}
	err = r.live(ctx)
	return r.count(), err
}

// open starts the hub and the system that the devices run in.
func (r *run) open() (err error) {
	r.sys, err = supervisor.NewSystem(
		supervisor.Options{Name: "chaos", OnEvent: r.injector.event, Inject: r.injector.inject},
	)
	if err != nil {
		return fmt.Errorf("start the devices: %w", err)
	}
	if r.hub, err = hubtest.Start(hubtest.Config{Custom: custom(r.cfg.Extensions)}); err != nil {
		return errors.Join(fmt.Errorf("start the hub: %w", err), r.close())
	}
	r.http = &http.Client{Transport: r.hub.RoundTripper()}
	return nil
}

// close stops what open has started.
func (r *run) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	left, err := r.sys.Shutdown(ctx)
	if r.hub != nil {
		r.http.CloseIdleConnections()
		r.hub.Close()
	}
	return errors.Join(err, left.Err())
}

func (r *run) newUnit(i int, kills []Kill) *unit {
	name := fmt.Sprintf("chaos-%03d", i+1)
	return &unit{
		run: r, name: name, kills: kills, counts: Kills{}, flash: newFlash(),
		hub:     r.hub.Device(name),
		started: map[string]bool{}, news: make(chan struct{}),
	}
}

// live runs all devices at the same time until each is done.
func (r *run) live(ctx context.Context) error {
	errs := make([]error, len(r.units))
	var wg sync.WaitGroup
	for i, u := range r.units {
		wg.Go(func() { errs[i] = u.live(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// count makes the result, once all devices are off.
func (r *run) count() Result {
	result := Result{Kills: Kills{}, IntensityExceeded: r.injector.gaveUps()}
	for _, f := range r.cfg.Extensions {
		result.Kills[Extension(f.Name)] = 0
	}
	for _, u := range r.units {
		for kind, n := range u.counts {
			result.Kills[kind] += n
		}
		result.SocketDrops += max(u.drops, u.hub.Net().Sockets()-u.boots)
		result.UpdatesStarted += len(u.started)
		result.UpdatesCompleted += u.completed
	}
	return result
}

// hit prints a kill.
func (r *run) hit(u *unit, t *target) {
	r.cfg.Print.Line("%6.2fs  %s  %-28s %s, %s",
		time.Since(r.began).Seconds(), u.name, t.path, t.point, t.msg)
}

// firmware is the image of a version; all devices are offered the same.
func (r *run) firmware(version int) (*hubtest.Firmware, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if fw := r.images[version]; fw != nil {
		return fw, nil
	}
	fw, err := r.hub.Firmware().Add(metadata(version),
		hubtest.Generated(uint64(version), imageSize)) //nolint:gosec // few versions
	if err != nil {
		return nil, err
	}
	fw.Inject(hubtest.Slow(imageSpeed))
	r.images[version] = fw
	return fw, nil
}

func versionName(version int) string { return fmt.Sprintf("1.0.%d", version) }

// metadata is how the hub describes a version.
func metadata(version int) hubtest.Metadata {
	v := versionName(version)
	return hubtest.Metadata{
		UUID:         "chaos-" + v,
		Product:      "chaos",
		Version:      v,
		Platform:     "sim",
		Architecture: "any",
	}
}

// description is how a device does.
func description(version int) firmware.Metadata {
	m := metadata(version)
	return firmware.Metadata{
		"uuid": m.UUID, "product": m.Product, "version": m.Version, "platform": m.Platform,
		"architecture": m.Architecture,
	}
}

// leaked returns how many goroutines there are beyond before. It waits for those that are about to
// end.
func leaked(before int) int {
	for deadline := time.Now().Add(endWithin); ; time.Sleep(20 * time.Millisecond) {
		n := runtime.NumGoroutine() - before
		if n <= 0 || time.Now().After(deadline) {
			return max(0, n)
		}
	}
}
