package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hublink-go/hublink/cmd/device/internal/config"
	"github.com/hublink-go/hublink/cmd/device/internal/history"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/slotdev"
)

// Rollback makes the previous firmware boot next, or takes back a flip that was not booted; then
// reboot is false, since nothing has to change. to describes the firmware that boots next. The
// firmware that is left is noted as one that this device reverted from, so that a deployment does
// not bring it back.
func Rollback(ctx context.Context, file *config.File) (
	to firmware.Metadata, reboot bool, err error,
) {
	d, err := openDesk(ctx, file)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	left := d.state.Meta["uuid"]
	switch pending := d.state.Next != d.state.Active; {
	case pending && d.state.Other != nil:
		left = d.state.Other["uuid"] // of a flip
	case !pending && (d.state.Other == nil || d.state.Reverted):
		return nil, false, refuse(ErrPolicy, "%v", slotdev.ErrNoPrevious)
	}
	if err := d.leave(left); err != nil {
		return nil, false, err
	}
	to, reboot, err = d.revert(ctx)
	if running := d.state.Meta["uuid"]; err == nil && reboot && left != running {
		err = d.leave(running) // a revert waited for its reboot already
	}
	e := history.Entry{
		What: "rollback", UUID: to["uuid"], Version: to["version"], Reason: "left " + left,
	}
	if err != nil {
		e.What, e.Reason = "rollback failed", err.Error()
	}
	d.note(e)
	return to, reboot, err
}

// leave notes in the journal which firmware the device reverts from.
func (d *desk) leave(uuid string) error {
	err := d.record(func(j *firmware.Journal) { j.State, j.UUID = firmware.Reverting, uuid })
	if err != nil {
		return fmt.Errorf("save the journal: %w", err)
	}
	return nil
}

// revert writes the boot record. When it cannot, the journal forgets the intent.
func (d *desk) revert(ctx context.Context) (to firmware.Metadata, reboot bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	err = d.found.slots.Revert(ctx)
	state, readErr := d.found.slots.State(ctx)
	if err != nil || readErr != nil {
		if err != nil && readErr == nil && state.Next == state.Active {
			err = errors.Join(err, d.record(func(*firmware.Journal) {}))
		}
		err = errors.Join(err, readErr)
		if errors.Is(err, slotdev.ErrNoPrevious) {
			err = refuse(ErrPolicy, "%v", err)
		}
		return nil, false, err
	}
	if state.Next != state.Active {
		return state.Other, true, nil
	}
	return state.Meta, false, nil
}

// CanReboot reports why RebootNow cannot be used.
func CanReboot(file *config.File) error {
	if file.Reboot.Mode != config.RebootCommand {
		return fmt.Errorf("%w:\nreboot.mode is %q: --reboot needs \"command\" and reboot.command",
			ErrConfig, file.Reboot.Mode)
	}
	return nil
}

// RebootNow runs the reboot command.
func RebootNow(ctx context.Context, file *config.File, reason string) error {
	return rebooter(&file.Reboot)(ctx, reason)
}
