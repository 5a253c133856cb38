package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/cmd/device/internal/config"
	"github.com/hublink-go/hublink/extensions/health"
	"github.com/hublink-go/hublink/firmware/fwdev"
	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/firmware/slotdev"
	"github.com/hublink-go/hublink/protocol/auth"
)

// found is what the configuration file points to.
type found struct {
	identity    string
	secret      *auth.SharedSecret
	certificate func() (*tls.Certificate, error)
	tls         *tls.Config
	slots       *slotdev.Device
	keys        []fwfile.Key // that may sign archives
	diary       *diary       // nil: nothing is recorded
	// onArchive judges an archive whose signature was verified; nil: it is taken
	onArchive func(fwdev.Archive) error
}

// inspect reads and checks everything that the file points to and changes nothing. The error is
// ErrConfig with all problems.
func inspect(ctx context.Context, file *config.File) (found, error) {
	var f found
	var errs [9]error
	f.identity, errs[0] = file.Identity.Resolve(ctx)
	f.secret, errs[1] = sharedSecret(&file.Hub, f.identity)
	f.certificate, errs[2] = certificate(&file.Hub)
	f.tls, errs[3] = trust(&file.Hub)
	f.slots, errs[4] = openSlots(ctx, file)
	errs[5] = writable("firmware.state_dir", file.Firmware.StateDir)
	if !file.Control.Disabled {
		errs[6] = checkSocket(&file.Control)
	}
	f.keys, errs[8] = publicKeys(file.Firmware.PublicKeys)
	if errs[0] == nil && errs[1] == nil &&
		errs[2] == nil { // what is only a matter of slots is no reason to be silent about the rest
		cfg := f.config(file, logs{}, newFeed())
		errs[7] = cfg.Validate()
	}
	if err := errors.Join(errs[:]...); err != nil {
		return found{}, fmt.Errorf("%w:\n%w", ErrConfig, err)
	}
	return f, nil
}

// config makes the device's configuration.
func (f *found) config(file *config.File, log logs, events *feed) actors.Config {
	cfg := actors.Config{
		Identity: f.identity,
		Hub: actors.Hub{
			URL: file.Hub.URL, Secret: f.secret, Certificate: f.certificate, TLS: f.tls,
			Clock: actors.FileClock{Path: statePath(file, "clock")}, Heartbeat: file.Hub.Heartbeat.D(),
			Serializer: file.Hub.Serializer, // the config has the same names
			NoCompress: file.Hub.Compress != nil && !*file.Hub.Compress,
			Fallbacks:  file.Hub.Fallbacks, Proxy: proxy(&file.Hub), Network: network(&file.Hub),
		},
		Firmware: actors.Firmware{
			Slots: f.slots, Applier: f.applier(file, log.logger),
			Journal:        actors.FileJournal{Path: statePath(file, "journal")},
			Policy:         f.policy(file),
			Stall:          file.Firmware.Stall.D(),
			ManualCommit:   file.Firmware.Commit == config.CommitManual,
			CommitDeadline: file.Firmware.CommitDeadline.D(),
		},
		Client: actors.Client{Progress: events.progress, Reboot: rebooter(&file.Reboot)},
		Logger: log.logger,
		OnEvent: func(e actors.Event) {
			f.diary.event(e)
			events.event(e)
		},
	}
	if h := file.Extensions.Health; !h.Disabled {
		cfg.Extensions = append(cfg.Extensions,
			health.New(health.Options{Disk: h.Disk, Metadata: h.Metadata}))
	}
	if log.extension != nil {
		cfg.Extensions = append(cfg.Extensions, *log.extension)
	}
	return cfg
}
