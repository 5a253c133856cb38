package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/cmd/device/internal/config"
	"github.com/hublink-go/hublink/cmd/device/internal/control"
	"github.com/hublink-go/hublink/firmware"
)

// handle is the device as the control socket sees it.
type handle struct {
	device  *actors.Device
	version string // of the agent
}

// Status puts the device's status into the words of the control socket.
func (h handle) Status() control.Status {
	s := h.device.Status()
	out := control.Status{
		Connection: s.Connection,
		Identifier: s.Identifier,
		UpdateTool: control.UpdateTool,
		Firmware:   describe(s.Firmware),
		PendingValidation: s.Firmware != nil &&
			!s.Validated, // before the boot record was read, nothing is known to be pending
		Version:    h.version,
		Slot:       s.Slot,
		Problem:    s.Problem,
		Serializer: s.Serializer,
		Extensions: s.Extensions, ExtensionProblems: s.ExtensionProblems,
	}
	if u := s.Update; u != nil {
		out.Update = &control.Update{UUID: u.UUID, Stage: u.Stage, Percent: u.Percent}
	}
	return out
}

// Commit ends the trial of the running firmware.
func (h handle) Commit(ctx context.Context) error { return h.device.Commit(ctx) }

// Reconnect drops the connection and dials at once.
func (h handle) Reconnect() error { return h.device.Reconnect() }

// Reboot asks for an orderly reboot.
func (h handle) Reboot(reason string) error { return h.device.Reboot(reason) }

// describe is a firmware for the control socket; nil when nothing is known of it.
func describe(meta firmware.Metadata) *control.Firmware {
	if len(meta) == 0 {
		return nil
	}
	get := func(key string) *string {
		if value, ok := meta[key]; ok {
			return &value
		}
		return nil
	}
	return &control.Firmware{
		UUID: get("uuid"), Version: get("version"), Product: get("product"),
		Platform: get("platform"), Architecture: get("architecture"),
	}
}

func controlOptions(file *config.File, version string, log logs) control.Options {
	mode, err := strconv.ParseUint(file.Control.Mode, 8, 9)
	if err != nil {
		mode = 0o660 // the configuration has been checked
	}
	return control.Options{
		Path: file.Control.Socket, Mode: fs.FileMode(mode), Group: file.Control.Group,
		Version: version, Logger: log.logger,
	}
}

// listenError tells a socket that cannot be made from one that another agent has: that one may end.
func listenError(err error) error {
	if errors.Is(err, control.ErrBusy) {
		return err
	}
	return fmt.Errorf("%w:\n%w", ErrConfig, err)
}
