package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hublink-go/hublink/cmd/sim/internal/report"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // what was to be shown did not happen
	exitUsage   = 2 // wrong arguments
)

// failure is an error of a run, as against one of its arguments.
type failure struct {
	error
	told bool // it has been printed
}

func (f failure) Unwrap() error { return f.error }

// run executes the command line and returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	root := &cobra.Command{
		Use:           "sim",
		Short:         "Shows and tries the device agent against a simulated hub",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newDemo(), newHub(), newMachine(), newWS(), newChaos(), newFleet(), newFleetHub(),
		newFedecks())
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	var failed failure
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &failed):
		if !failed.told {
			fmt.Fprintln(errOut, "sim:", failed.error)
		}
		return exitFailure
	default:
		fmt.Fprintln(errOut, "sim:", err)
		return exitUsage
	}
}

// printer is what a command writes its findings to.
func printer(cmd *cobra.Command, asJSON bool) *report.Printer {
	return &report.Printer{Out: cmd.OutOrStdout(), JSON: asJSON}
}

func jsonFlag(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "print one JSON object and nothing else")
}

// conclude prints the error and then, if that is wanted, the result as JSON: it is the last line
// wherever both go to.
func conclude(cmd *cobra.Command, p *report.Printer, result any, err error) error {
	if err != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "sim:", err)
	}
	if lost := p.Result(result); lost != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "sim:", lost)
		err = errors.Join(err, lost)
	}
	if err != nil {
		return failure{err, true}
	}
	return nil
}
