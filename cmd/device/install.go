package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hublink-go/hublink/cmd/device/internal/agent"
	"github.com/hublink-go/hublink/cmd/device/internal/config"
	"github.com/hublink-go/hublink/cmd/device/internal/look"
	"github.com/hublink-go/hublink/firmware"
)

func newInstall() *cobra.Command {
	var path string
	var reboot bool
	var o agent.Order
	cmd := &cobra.Command{
		Use:   "install FILE|URL",
		Short: "Install a firmware by hand, with the checks that an offer of the hub passes",
		Long: `Install a firmware file, or one at an http or https address, while no agent runs.

Nothing boots from it before its signature and every byte were verified. A download that is cut goes
on where it was. Exit code 75 means that the machine has to reboot now; with --reboot the command of
reboot.command is run instead. The new firmware is then on trial until "device run" has joined.
The hub hears of it at that join.

` + exitHelp(),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := loadFor(path, reboot)
			if err != nil {
				return err
			}
			o.Source, o.Progress = args[0], progress(cmd)
			o.Notice = func(text string) {
				fmt.Fprintln(cmd.ErrOrStderr(), "device:", look.Printable(text))
			}
			meta, err := agent.Install(cmd.Context(), file, o)
			if err != nil {
				return &exitError{code: codeOf(err), err: printable(err)}
			}
			return boots(cmd, file, meta, reboot, "installed")
		},
	}
	configFlag(cmd, &path)
	orderFlags(cmd, &o)
	rebootFlag(cmd, &reboot)
	return cmd
}

func newRollback() *cobra.Command {
	var path string
	var reboot bool
	cmd := &cobra.Command{
		Use:   "rollback",
		Short: "Make the previous firmware boot next, while no agent runs",
		Long: `Make the previous firmware boot next, or take back a flip that was not booted.

Exit code 75 means that the machine has to reboot now, 0 that the running firmware stays.
A deployment of the hub does not bring back what was rolled back; a push by hand does.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := loadFor(path, reboot)
			if err != nil {
				return err
			}
			meta, needed, err := agent.Rollback(cmd.Context(), file)
			if err != nil {
				return &exitError{code: codeOf(err), err: printable(err)}
			}
			if needed {
				return boots(cmd, file, meta, reboot, "rolled back")
			}
			fmt.Fprintf(cmd.OutOrStdout(), "the running firmware stays: %s\n", describe(meta))
			return nil
		},
	}
	configFlag(cmd, &path)
	rebootFlag(cmd, &reboot)
	return cmd
}

func orderFlags(cmd *cobra.Command, o *agent.Order) {
	cmd.Flags().StringVar(&o.Task, "task", "",
		"beginning of the task's name (default: firmware.task)")
	cmd.Flags().StringVar(&o.Version, "as-version", "", "version of an image, which says none")
}

func rebootFlag(cmd *cobra.Command, reboot *bool) {
	cmd.Flags().BoolVar(reboot, "reboot", false, "run reboot.command at the end")
}

// loadFor loads the configuration, which has to have a command if the machine shall reboot.
func loadFor(path string, reboot bool) (*config.File, error) {
	file, err := config.Load(path)
	if err == nil && reboot {
		err = agent.CanReboot(file)
	}
	if err != nil {
		return nil, &exitError{code: exitConfig, err: err}
	}
	return file, nil
}

// boots says what boots next, and reboots or has the caller do so.
func boots(
	cmd *cobra.Command, file *config.File, meta firmware.Metadata, reboot bool, what string,
) error {
	fmt.Fprintf(cmd.OutOrStdout(), "%s; boots next: %s\n", what, describe(meta))
	if !reboot {
		return &exitError{code: exitReboot, err: agent.ErrReboot}
	}
	ctx := context.WithoutCancel(cmd.Context()) // the flip is done
	if err := agent.RebootNow(ctx, file, what+" by hand"); err != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "device:", printable(err))
		return &exitError{code: exitReboot, err: err}
	}
	return nil
}

func describe(meta firmware.Metadata) string {
	return look.Printable(fmt.Sprintf("%s %s (%s)", meta["product"], meta["version"], meta["uuid"]))
}

// printable is an error whose text a terminal can show.
func printable(err error) error { return errors.New(printableLines(err.Error())) }

// progress prints every tenth of a file.
func progress(cmd *cobra.Command) func(done, all int64) {
	last := int64(0)
	return func(done, all int64) {
		if all <= 0 {
			return
		}
		if tenth := done * 10 / all; tenth > last {
			last = tenth
			fmt.Fprintf(cmd.ErrOrStderr(), "%3d %%\n", tenth*10)
		}
	}
}
