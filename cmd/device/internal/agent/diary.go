package agent

import (
	"context"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/cmd/device/internal/config"
	"github.com/hublink-go/hublink/cmd/device/internal/history"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/fwdev"
)

// diary turns what happens in the agent into entries of the history. A nil diary records nothing.
type diary struct {
	recorder *history.Recorder
	slots    firmware.Slots
	log      zerolog.Logger
	bytes    atomic.Int64 // of the update that is under way
	begun    atomic.Int64 // when it began, in nanoseconds since 1970
}

// newDiary opens the history. An agent that cannot write one goes on without it.
func newDiary(file *config.File, slots firmware.Slots, log zerolog.Logger) *diary {
	l, err := history.Open(file.Firmware.StateDir)
	if err != nil {
		log.Warn().Err(err).Msg("going on without a history of updates")
		return nil
	}
	return &diary{
		recorder: history.Record(l, func(err error) {
			log.Warn().Err(err).Msg("an entry is missing in the history of updates")
		}),
		slots: slots, log: log,
	}
}

func (d *diary) close() {
	if d == nil {
		return
	}
	if err := d.recorder.Close(); err != nil {
		d.log.Warn().Err(err).Msg("closing the history of updates")
	}
	if n := d.recorder.Lost(); n > 0 {
		d.log.Warn().Int64("entries", n).Msg("the disk was too slow for the history of updates")
	}
}

// booted records that the running firmware was booted, once a boot.
func (d *diary) booted(ctx context.Context, dir string) {
	if d == nil {
		return
	}
	state, err := d.slots.State(ctx)
	if err != nil {
		return // the updater tells it
	}
	e := bootEntry(state)
	entries, _ := history.Read(dir) // none: the boot is new
	for i := len(entries) - 1; i >= 0; i-- {
		if last := entries[i]; last.What == "boot" {
			if last.Boot == e.Boot && last.UUID == e.UUID {
				return
			}
			break
		}
	}
	d.recorder.Add(e)
}

// bootEntry describes the boot of the running firmware.
func bootEntry(state firmware.BootState) history.Entry {
	e := history.Entry{
		By: history.ByDevice, What: "boot", UUID: state.Meta["uuid"], Version: state.Meta["version"],
		Slot: state.Active, Reason: "committed",
	}
	if !state.Validated {
		e.Reason = "on trial"
	}
	if id, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		e.Boot = strings.TrimSpace(string(id))
	}
	return e
}

// recorded are the events of a device that the history has, with who is behind them.
var recorded = map[actors.EventKind]string{
	actors.EventOffered:           history.ByHub,
	actors.EventUpdateIgnored:     history.ByDevice,
	actors.EventUpdateRescheduled: history.ByDevice,
	actors.EventUpdateStarted:     history.ByDevice,
	actors.EventUpdateCompleted:   history.ByDevice,
	actors.EventUpdateFailed:      history.ByDevice,
	actors.EventCommitted:         history.ByDevice,
	actors.EventReverted:          history.ByDevice,
	actors.EventRebooting:         history.ByDevice,
}

// event records an event of the device.
func (d *diary) event(e actors.Event) {
	by, ok := recorded[e.Kind]
	if d == nil || !ok {
		return
	}
	entry := history.Entry{
		Time: e.Time.UTC(), By: by, What: e.Kind.String(), UUID: e.UUID, Reason: e.Detail,
	}
	if entry.Reason == "" && e.Err != nil {
		entry.Reason = e.Err.Error()
	}
	switch e.Kind {
	case actors.EventUpdateStarted:
		d.bytes.Store(0)
		d.begun.Store(e.Time.UnixNano())
	case actors.EventUpdateCompleted, actors.EventUpdateFailed:
		entry.Bytes = d.bytes.Swap(0)
		if begun := d.begun.Swap(0); begun > 0 {
			entry.Millis = e.Time.Sub(time.Unix(0, begun)).Milliseconds()
		}
	}
	d.recorder.Add(entry)
}

// archive records an archive whose signature was verified.
func (d *diary) archive(a fwdev.Archive) {
	if d != nil {
		d.recorder.Add(archiveEntry(a, history.ByDevice))
	}
}

func archiveEntry(a fwdev.Archive, by string) history.Entry {
	e := history.Entry{
		By: by, What: "accepted", UUID: a.Meta.UUID, Version: a.Meta.Version, Task: a.Task,
		Reason: "applied by fwup",
	}
	if a.Native {
		e.Reason = "applied natively"
	}
	if a.Signer == nil {
		e.Reason += ", no signature was verified"
	} else {
		e.Key = a.Signer.ID()
	}
	return e
}

// counts returns an applier that counts the bytes that a takes. Its stagings flip by themselves, as
// those of format.New do.
func (d *diary) counts(a firmware.Applier) firmware.Applier {
	if d == nil {
		return a
	}
	return counting{a, &d.bytes}
}

type counting struct {
	firmware.Applier
	n *atomic.Int64
}

// Begin implements firmware.Applier.
func (c counting) Begin(ctx context.Context, t firmware.Target) (firmware.Staging, error) {
	s, err := c.Applier.Begin(ctx, t)
	if f, ok := s.(firmware.Flipper); err == nil && ok {
		return &countingStaging{s, f, c.n}, nil
	}
	return s, err
}

type countingStaging struct {
	firmware.Staging
	firmware.Flipper

	n *atomic.Int64
}

// WriteAt implements firmware.Staging.
func (s *countingStaging) WriteAt(p []byte, off int64) (int, error) {
	n, err := s.Staging.WriteAt(p, off)
	s.n.Add(int64(n))
	return n, err
}
