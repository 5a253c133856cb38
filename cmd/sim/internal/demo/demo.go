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
	"github.com/hublink-go/hublink/firmware/fwfile"
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
	// Raw offers the image of a slot instead of an archive
	Raw bool
	// what is offered, as it is; nil: an archive that is made and signed, or a made-up image
	Firmware *hubtest.Content
	// Size of the root file system in the archive that is made, in bytes; zero: 16 MiB
	Size int64
	// Keys of the machine, with Firmware and without Raw; without any it takes no archive
	Keys []fwfile.Key
	// the archive that the machine was made by, without Raw; nil: it has the layout of Firmware
	Base  *hubtest.Content
	Fault Fault
	Print *report.Printer
}

// Run plays the demo. The result is whole even when there is an error, which says what did not
// happen.
func Run(ctx context.Context, o Options) (Result, error) {
	s := newScene(o)
	err := s.run(ctx)
	return s.result, err
}

// scene is one demo.
type scene struct {
	options Options
	print   *report.Printer
	fault   Fault
	watch   *watch
	hub     *hubtest.Hub
	device  *hubtest.Device // the hub's idea of it
	machine *machine
	kit     *kit
	fw      *hubtest.Firmware
	record  []byte // the boot record before the offer, without Raw
	offered time.Time
	result  Result
}

func newScene(o Options) *scene {
	return &scene{
		options: o, print: o.Print, fault: o.Fault, watch: newWatch(o.Print),
		result: Result{From: oldVersion, To: newVersion, Statuses: []string{}},
	}
}

// run plays and says in the result how it ended.
func (s *scene) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, playWithin,
		fmt.Errorf("the demo was not over within %v", playWithin))
	defer cancel()
	if file := s.options.Firmware; file != nil {
		s.options.Firmware = &hubtest.Content{ReaderAt: ending{ctx, file.ReaderAt}, Size: file.Size}
	}
	err := s.play(ctx)
	if err != nil && s.result.Reason == "" {
		s.result.Reason = err.Error()
	}
	s.result.OK = err == nil
	return err
}

// play sets the stage, plays and clears away.
func (s *scene) play(ctx context.Context) (err error) {
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
	if s.kit, err = newKit(&s.options, folder, s.watch); err != nil {
		return err
	}
	s.result.To = s.kit.said.Version
	if s.fw, err = s.hub.Firmware().Add(s.kit.said, s.kit.content); err != nil {
		return err
	}
	s.fault.inject(s.fw)
	s.machine = newMachine(s.hub, folder, s.kit, s.watch)
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
	s.result.SlotBefore, s.result.From = boot.Active, boot.Meta["version"]
	s.print.Line("the device runs %s in slot %s and has joined the hub at %s", s.result.From,
		boot.Active, s.hub.URL())
	if err := s.examine(); err != nil {
		return err
	}
	if err := s.download(ctx); err != nil {
		return err
	}
	if a := s.watch.accepted(); a != "" {
		s.print.Line("%s", a)
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
		return fmt.Errorf("wait for the device to join as %s and to commit it: %w", s.result.To, err)
	}
	s.print.Line("the device has joined as %s and has committed it\n", s.result.To)
	return s.showTree(ctx)
}

// examine reads the archive that will be offered and the boot record, so that the result says what
// is wrong with the one and whether the other has changed.
func (s *scene) examine() (err error) {
	if s.options.Raw {
		return nil
	}
	s.result.Archive = "ok"
	if err := verdict(s.kit.content, s.kit.keys); err != nil {
		s.result.Archive = err.Error()
	}
	s.record, err = bootRecord(s.kit.slots.Env)
	return err
}

// download offers the firmware and waits for the reboot.
func (s *scene) download(ctx context.Context) error {
	s.print.Line("the hub offers %s, %d bytes%s", s.result.To, s.fw.Content.Size, s.trouble())
	bar := s.print.NewBar("downloading")
	s.watch.show(bar)
	defer bar.End()
	s.offered = time.Now()
	if err := s.device.Update().Offer(s.fw); err != nil {
		return fmt.Errorf("offer %s: %w", s.result.To, err)
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
