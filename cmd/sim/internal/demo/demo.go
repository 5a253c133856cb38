package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/cmd/sim/internal/report"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

const (
	// Limit is the longest that Run takes, what it does at the end included.
	Limit = 58 * time.Second

	playWithin  = 45 * time.Second
	defaultSize = 64 << 20
	oldVersion  = "1.0.0"
	newVersion  = "1.1.0"
)

// Options of a demo. The zero value shows what goes well.
type Options struct {
	Firmware *hubtest.Content // nil: a generated one
	Fault    Fault
	Print    *report.Printer
}

// Run plays the demo. The result is whole even when there is an error, which says what did not
// happen.
func Run(ctx context.Context, o Options) (Result, error) {
	s := newScene(o)
	err := s.run(ctx, o.Firmware)
	return s.result, err
}

// scene is one demo.
type scene struct {
	print   *report.Printer
	fault   Fault
	watch   *watch
	hub     *hubtest.Hub
	device  *hubtest.Device // the hub's idea of it
	machine *machine
	fw      *hubtest.Firmware
	offered time.Time
	result  Result
}

func newScene(o Options) *scene {
	return &scene{
		print: o.Print, fault: o.Fault, watch: newWatch(o.Print),
		result: Result{From: oldVersion, To: newVersion, Statuses: []string{}},
	}
}

// run plays with a file, or without one, and says in the result how it ended.
func (s *scene) run(ctx context.Context, file *hubtest.Content) error {
	ctx, cancel := context.WithTimeoutCause(ctx, playWithin,
		fmt.Errorf("the demo was not over within %v", playWithin))
	defer cancel()
	content := hubtest.Generated(1, defaultSize)
	if file != nil {
		content = hubtest.Content{ReaderAt: ending{ctx, file.ReaderAt}, Size: file.Size}
	}
	err := s.play(ctx, content)
	if err != nil && s.result.Reason == "" {
		s.result.Reason = err.Error()
	}
	s.result.OK = err == nil
	return err
}

// play sets the stage, plays and clears away.
func (s *scene) play(ctx context.Context, content hubtest.Content) (err error) {
	folder, err := os.MkdirTemp("", "hublink-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the slots: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if s.hub, err = hubtest.Start(hubtest.Config{Mode: hubtest.TLS, Record: 4096}); err != nil {
		return fmt.Errorf("start the hub: %w", err)
	}
	defer s.hub.Close()
	s.device = s.hub.Device(identity)
	if s.fw, err = s.hub.Firmware().Add(metadata(newVersion), content); err != nil {
		return err
	}
	s.fault.inject(s.fw)
	if s.machine, err = newMachine(s.hub, folder, content.Size, description(oldVersion),
		s.watch); err != nil {
		return err
	}
	defer s.machine.http.CloseIdleConnections()
	err = s.update(ctx)
	err = errors.Join(err, s.machine.off())
	s.conclude(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	return s.check()
}

// metadata is how the hub describes a version.
func metadata(version string) hubtest.Metadata {
	return hubtest.Metadata{
		UUID:         "demo-" + version,
		Product:      "demo",
		Version:      version,
		Platform:     "sim",
		Architecture: "any",
	}
}

// description is how the device does.
func description(version string) firmware.Metadata {
	m := metadata(version)
	return firmware.Metadata{
		"uuid": m.UUID, "product": m.Product, "version": m.Version, "platform": m.Platform,
		"architecture": m.Architecture,
	}
}

// update is the story.
func (s *scene) update(ctx context.Context) error {
	if err := s.machine.boot(ctx); err != nil {
		return err
	}
	if err := s.device.WaitJoined(ctx); err != nil {
		return fmt.Errorf("wait for the device to join: %w", err)
	}
	boot, err := s.machine.record(ctx)
	if err != nil {
		return err
	}
	s.result.SlotBefore = boot.Active
	s.print.Line("the device runs %s in slot %s and has joined the hub at %s", oldVersion, boot.Active,
		s.hub.URL())
	if err := s.download(ctx); err != nil {
		return err
	}
	s.print.Line("the device reboots")
	if err := s.machine.off(); err != nil {
		return err
	}
	if err := s.machine.boot(ctx); err != nil {
		return err
	}
	err = s.device.Wait(ctx, func(d hubtest.Snapshot) bool {
		return d.Online && d.Running.UUID == s.fw.UUID && d.Validated != nil && *d.Validated
	})
	if err != nil {
		return fmt.Errorf("wait for the device to join as %s and to commit it: %w", newVersion, err)
	}
	s.print.Line("the device has joined as %s and has committed it\n", newVersion)
	return s.showTree(ctx)
}

// download offers the firmware and waits for the reboot.
func (s *scene) download(ctx context.Context) error {
	s.print.Line("the hub offers %s, %d bytes%s", newVersion, s.fw.Content.Size, s.trouble())
	bar := s.print.NewBar("downloading")
	s.watch.show(bar)
	defer bar.End()
	s.offered = time.Now()
	if err := s.device.Update().Offer(s.fw); err != nil {
		return fmt.Errorf("offer %s: %w", newVersion, err)
	}
	agent, ended := s.machine.agent, make(chan error, 1)
	go func() { ended <- agent.Wait() }() // ends with the agent, which off stops at the latest
	select {
	case err := <-ended:
		if !errors.Is(err, actors.ErrReboot) {
			return fmt.Errorf("the agent has ended instead of asking for a reboot: %w",
				cmp.Or(err, errors.New("it was stopped")))
		}
		return nil
	case <-s.watch.failed:
		return s.failed(ctx)
	case <-ctx.Done():
		return fmt.Errorf("wait for the update: %w", context.Cause(ctx))
	}
}

// failed waits until the hub has heard of it.
func (s *scene) failed(ctx context.Context) error {
	_, reason, _ := s.watch.seen()
	s.result.Reason = reason
	err := s.device.Wait(ctx, func(d hubtest.Snapshot) bool {
		return slices.Contains(d.Statuses, "failed") || slices.Contains(d.Statuses, "ignored")
	})
	if err != nil {
		return fmt.Errorf("wait for the hub to hear of the failure: %w", err)
	}
	return fmt.Errorf("the update has failed: %s", reason)
}

func (s *scene) trouble() string {
	if s.fault == None {
		return ""
	}
	return fmt.Sprintf("; the fault is %q", string(s.fault))
}
