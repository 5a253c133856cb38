package agent

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/cmd/device/internal/config"
	"github.com/hublink-go/hublink/cmd/device/internal/control"
)

// ErrReboot is returned by Run when the machine has to reboot to finish what the agent began.
var ErrReboot = actors.ErrReboot

// ErrConfig is returned when the configuration is wrong, or names something that cannot be used:
// starting again does not help.
var ErrConfig = errors.New("the configuration cannot be used")

// Run runs the agent until ctx ends, the device stops by itself, or the machine has to reboot. Its
// log goes to errOut. The error is nil after ctx has ended, ErrReboot, ErrConfig with every problem
// on a line of its own, or why the agent gave up.
func Run(ctx context.Context, file *config.File, version string, errOut io.Writer) (err error) {
	limitMemory()
	found, err := inspect(ctx, file)
	if err != nil {
		return err
	}
	unlock, err := lock(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()

	log, events := newLog(file, errOut), newFeed()
	found.diary = newDiary(file, found.slots, log.logger)
	defer found.diary.close()
	found.diary.booted(ctx, file.Firmware.StateDir)
	cfg := found.config(file, log, events)
	device, err := actors.New(cfg)
	if err != nil {
		return fmt.Errorf("%w:\n%w", ErrConfig, err)
	}
	if !file.Control.Disabled {
		server, problem := control.Listen(controlOptions(file, version, log), handle{device, version})
		if problem != nil {
			return listenError(problem)
		}
		defer func() { err = errors.Join(err, server.Close()) }()
		events.publish(server)
	}
	trim := trimAfterJoin(events.joined)
	defer trim.stop()
	log.logger.Info().Str("device", cfg.Identity).Str("version", version).Msg("starting")
	err = device.Run(ctx)
	log.logger.Info().Str("device", cfg.Identity).Err(err).Msg("stopped")
	return err
}

// Check reports everything that would keep Run from starting, as far as that can be known without
// changing anything.
func Check(ctx context.Context, file *config.File) error {
	_, err := inspect(ctx, file)
	return err
}

// Commit asks the running agent to end the trial of the running firmware.
func Commit(ctx context.Context, c *control.Client) error {
	return c.Call(ctx, control.MethodMarkValid, nil, nil)
}

// Reconnect asks the running agent to drop its connection and to dial at once.
func Reconnect(ctx context.Context, c *control.Client) error {
	return c.Call(ctx, control.MethodReconnect, nil, nil)
}
