package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hublink-go/hublink/cmd/device/internal/agent"
	"github.com/hublink-go/hublink/cmd/device/internal/config"
)

// Exit codes. They are part of the agent's interface: init systems act on them.
const (
	exitOK      = 0  // stopped on request, or the command succeeded
	exitFailure = 1  // the agent gave up, or the command failed
	exitUsage   = 2  // wrong arguments
	exitConfig  = 78 // the configuration is wrong (EX_CONFIG): starting again does not help
	exitReboot  = 75 // the machine has to reboot to finish an update (EX_TEMPFAIL)

	exitInstalled    = 10 // the firmware is installed already
	exitPolicy       = 20 // the policy or the archive's own task refuses the firmware
	exitVerification = 30 // the firmware is not signed by a key of the device, or damaged
	exitDownload     = 40 // the download failed
	exitNoSpace      = 50 // the firmware does not fit
	exitDowngrade    = 60 // the firmware is older than what the policy takes
)

// version is set by the linker for releases.
var version = "0.1.0-dev"

// exitError carries the exit code of an error.
type exitError struct {
	code int
	said bool // the command has printed it
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// run executes the command line and returns the exit code.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	var exit *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		if exit.code != exitReboot && !exit.said {
			fmt.Fprintln(errOut, "device:", exit.err)
		}
		return exit.code
	default:
		fmt.Fprintln(errOut, "device:", err)
		return exitUsage
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "device",
		Short:         "The Hublink device agent for NervesHub",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newRun(), newStatus(), newCheckConfig(), newVersion(), newInspect(),
		newVerb("commit", "End the trial of the running firmware", agent.Commit),
		newVerb("reconnect", "Drop the connection and dial at once", agent.Reconnect))
	return root
}

func newRun() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Connect to the hub and stay: update, roll back, report",
		Long: `Run the agent until SIGTERM or SIGINT.

Exit codes: 0 stopped on request; 1 the agent gave up; 2 wrong arguments; 75 the
machine has to reboot to finish an update; 78 the configuration is wrong.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := config.Load(path)
			if err != nil {
				return &exitError{code: exitConfig, err: err}
			}
			err = agent.Run(cmd.Context(), file, version, cmd.ErrOrStderr())
			switch {
			case err == nil:
				return nil
			case errors.Is(err, agent.ErrReboot):
				return &exitError{code: exitReboot, err: err}
			case errors.Is(err, agent.ErrConfig):
				return &exitError{code: exitConfig, err: err}
			default:
				return &exitError{code: exitFailure, err: err}
			}
		},
	}
	configFlag(cmd, &path)
	return cmd
}

func newCheckConfig() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "check-config",
		Short: "Read the configuration and report everything that is wrong with it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := config.Load(path)
			if err == nil {
				err = agent.Check(cmd.Context(), file)
			}
			if err != nil {
				return &exitError{code: exitConfig, err: err}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: ok\n", path)
			return nil
		},
	}
	configFlag(cmd, &path)
	return cmd
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintln(cmd.OutOrStdout(), "hublink device",
				version)
		},
	}
}

func configFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVarP(path, "config", "c", config.DefaultPath, "configuration file")
}
