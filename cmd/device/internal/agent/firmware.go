package agent

import (
	"context"
	"errors"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/cmd/device/internal/config"
	"github.com/hublink-go/hublink/firmware"
	firmwareformat "github.com/hublink-go/hublink/firmware/format"
	"github.com/hublink-go/hublink/firmware/fwdev"
	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/firmware/fwup"
)

// errUnsigned is why an image of a slot is refused: nothing but its checksum, which the hub says,
// vouches for it.
var errUnsigned = errors.New("this is an image without a signature, and this device installs " +
	"signed archives only: make a fwup archive of it, or set firmware.allow_unsigned for a bench")

// applier returns what installs firmware: by the first bytes of a file archives go to the disk and
// images to a slot.
func (f *found) applier(file *config.File, log zerolog.Logger) firmware.Applier {
	c := firmwareformat.Config{Slots: f.slots}
	if file.Firmware.Format != config.FormatFW && file.Slots.A != "" {
		c.Raw = f.slots
		if !file.Firmware.AllowUnsigned {
			c.Raw = refusing{errUnsigned}
		}
	}
	if archives(file) {
		a, err := f.archives(file, log)
		c.Archive = a
		if err != nil { // inspect has checked what can be wrong
			c.Archive = refusing{err}
		}
		if len(f.keys) == 0 && !file.Firmware.AllowUnsigned {
			log.Warn().Msg("no public key is configured, so every firmware will be refused; " +
				"set firmware.public_keys")
		}
	}
	return f.diary.counts(firmwareformat.New(c))
}

// archives reports whether the configuration has archives installed.
func archives(file *config.File) bool {
	return file.Firmware.Format != config.FormatRaw && file.Firmware.Disk != "" &&
		file.Firmware.Applier != config.ApplierSlots
}

// archives returns the applier of archives.
func (f *found) archives(file *config.File, log zerolog.Logger) (*fwdev.Applier, error) {
	mode := map[string]fwdev.Mode{
		config.ApplierNative: fwdev.Native, config.ApplierFwup: fwdev.Program,
	}[file.Firmware.Applier]
	opts := fwfile.Options{Keys: f.keys, AllowUnsigned: file.Firmware.AllowUnsigned}
	return fwdev.New(fwdev.Config{
		Disk: file.Firmware.Disk, Task: file.Firmware.Task, Slots: f.slots, Mode: mode,
		Keys:     func() fwfile.Options { return opts },
		Fwup:     fwup.Program{Path: file.Firmware.Fwup, Args: file.Firmware.FwupOptions},
		SpoolDir: file.Firmware.StateDir,
		OnArchive: func(a fwdev.Archive) error {
			if f.onArchive != nil {
				if err := f.onArchive(a); err != nil {
					return err
				}
			}
			f.diary.archive(a)
			key := "none"
			if a.Signer != nil {
				key = a.Signer.ID()
			}
			log.Info().Str("update", a.Meta.UUID).Str("version", a.Meta.Version).Str("key", key).
				Str("task", a.Task).Bool("native", a.Native).Msg("archive accepted")
			return nil
		},
		Info: func(text string) { log.Info().Str("text", text).Msg("the archive's task says") },
	})
}

// policy returns which offers are refused without asking.
func (f *found) policy(file *config.File) firmware.Policy {
	return firmware.Policy{
		AllowDowngrade:  f.older(file),
		AllowUnverified: file.Policy.AllowUnverified,
		MinimumVersion:  file.Policy.MinimumVersion,
	}
}

// older reports whether the policy takes firmware that is not newer than the running one before its
// signature is known.
func (f *found) older(file *config.File) bool {
	switch file.Policy.Downgrade {
	case config.DowngradeAlways:
		return true
	case config.DowngradeSigned: // whatever is installed will have been verified with a key
		return len(f.keys) > 0 && !file.Firmware.AllowUnsigned
	default:
		return false
	}
}

// refusing is an applier that takes nothing.
type refusing struct{ err error }

// Begin implements firmware.Applier.
func (r refusing) Begin(context.Context, firmware.Target) (firmware.Staging, error) {
	return nil, r.err
}
