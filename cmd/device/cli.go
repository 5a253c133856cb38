package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hublink-go/hublink/cmd/device/internal/agent"
	"github.com/hublink-go/hublink/cmd/device/internal/config"
)

// Exit codes. They are part of the agent's interface: init systems and scripts act on them.
const (
	exitOK           = 0
	exitFailure      = 1
	exitUsage        = 2
	exitInstalled    = 10
	exitPolicy       = 20
	exitVerification = 30
	exitDownload     = 40
	exitNoSpace      = 50
	exitDowngrade    = 60
	exitReboot       = 75 // EX_TEMPFAIL
	exitConfig       = 78 // EX_CONFIG
)

// exitCode is an exit code and what it means.
type exitCode struct {
	code    int
	meaning string
}

// exitCodes is the table that the help shows, and README with the same words.
func exitCodes() []exitCode {
	return []exitCode{
		{exitOK, "the command succeeded, or the agent stopped on request"},
		{exitFailure, "the command failed, or the agent gave up"},
		{exitUsage, "wrong arguments"},
		{exitInstalled, "the firmware is installed already"},
		{exitPolicy, "the policy, or the firmware's own task, refuses it for this device"},
		{exitVerification, "verification failed: not signed by a key of this device, or damaged"},
		{exitDownload, "the download failed"},
		{exitNoSpace, "the firmware does not fit"},
		{exitDowngrade, "the firmware is older than the policy takes"},
		{exitReboot, "the machine has to reboot"},
		{exitConfig, "the configuration is wrong: starting again does not help"},
	}
}

// exitHelp is the table of exit codes for the help.
func exitHelp() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n")
	for _, c := range exitCodes() {
		fmt.Fprintf(&b, "  %-2d  %s\n", c.code, c.meaning)
	}
	return b.String()
}

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
		Long:          "The Hublink device agent for NervesHub.\n\n" + exitHelp(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newRun(), newStatus(), newCheckConfig(), newVersion(), newInspect(), newKeys(),
		newInstall(), newRollback(), newHistory(),
		newVerb("commit", "End the trial of the running firmware", agent.Commit),
		newVerb("reconnect", "Drop the connection and dial at once", agent.Reconnect))
	return root
}

func newRun() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Connect to the hub and stay: update, roll back, report",
		Long:  "Run the agent until SIGTERM or SIGINT.\n\n" + exitHelp(),
		Args:  cobra.NoArgs,
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
