package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/hublink-go/hublink/cmd/device/internal/config"
	"github.com/hublink-go/hublink/cmd/device/internal/control"
	"github.com/hublink-go/hublink/firmware/slotdev"
)

// statePath is the path of a file in the state directory.
func statePath(file *config.File, name string) string {
	return filepath.Join(file.Firmware.StateDir, name)
}

// writable checks that the directory dir, which key names, can be written, or made where it is not
// there.
func writable(key, dir string) error {
	at := filepath.Clean(dir)
	for {
		info, err := os.Stat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at):
			at = filepath.Dir(at)
			continue
		case err != nil:
			return fmt.Errorf("%s %s: %w", key, dir, plain(err))
		case !info.IsDir():
			return fmt.Errorf("%s %s: %s is not a directory", key, dir, at)
		}
		if err := unix.Access(at, unix.W_OK|unix.X_OK); err != nil {
			return fmt.Errorf("%s %s: %s cannot be written: %w", key, dir, at, err)
		}
		return nil
	}
}

func checkSocket(c *config.Control) error {
	var errs []error
	if c.Group != "" {
		if _, err := user.LookupGroup(c.Group); err != nil {
			errs = append(errs, fmt.Errorf("control.group: %w", err))
		}
	}
	if err := control.CheckPath(c.Socket); err != nil {
		errs = append(errs, fmt.Errorf("control.socket: %w", err))
	}
	return errors.Join(append(errs, writable("control.socket", filepath.Dir(c.Socket)))...)
}

// openSlots opens the slots and reads the boot record, which changes nothing, and checks that both
// can be written.
func openSlots(ctx context.Context, file *config.File) (*slotdev.Device, error) {
	cfg := slotdev.Config{
		A:        file.Slots.A,
		B:        file.Slots.B,
		Size:     file.Slots.Size,
		Metadata: file.Firmware.Metadata,
	}
	errs := make([]error, 0, 3+len(file.Slots.Env))
	if cfg.A != "" {
		errs = append(errs, writableFile("slots.a", cfg.A, cfg.Size > 0),
			writableFile("slots.b", cfg.B, cfg.Size > 0))
	}
	if file.Firmware.Disk != "" {
		errs = append(errs, writableFile("firmware.disk", file.Firmware.Disk, false))
	}
	for i, e := range file.Slots.Env {
		cfg.Env = append(cfg.Env, slotdev.Location{Path: e.Path, Offset: e.Offset, Size: e.Size})
		errs = append(errs, writableFile(fmt.Sprintf("slots.env[%d]", i), e.Path, false))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	dev, err := slotdev.Open(cfg)
	if err == nil {
		_, err = dev.State(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("slots: %w", err)
	}
	return dev, nil
}

// writableFile checks that the file or device at path, which key names, can be written; missing
// means that it may be created.
func writableFile(key, path string, missing bool) error {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && missing {
		return writable(key, filepath.Dir(path))
	}
	if err == nil {
		err = unix.Access(path, unix.R_OK|unix.W_OK)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", key, path, plain(err))
	}
	return nil
}

// plain is a file error without the operation and the path, which the caller names.
func plain(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// lock makes the state directory and claims it for this process, until the returned function is
// called.
func lock(file *config.File) (unlock func() error, err error) {
	if err := os.MkdirAll(file.Firmware.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("%w:\nfirmware.state_dir: %w", ErrConfig, err)
	}
	f, err := os.OpenFile(statePath(file, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w:\nfirmware.state_dir: %w", ErrConfig, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w: another agent runs on this state directory: stop it first",
			f.Name(), err)
	}
	return f.Close, nil // which ends the lock
}
