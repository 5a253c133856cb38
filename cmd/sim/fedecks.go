package main

import (
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/hublink-go/hublink/cmd/sim/internal/fedecks"
	"github.com/hublink-go/hublink/cmd/sim/internal/report"
)

// newFedecks makes the commands that try the two ends of Fedecks from a terminal.
func newFedecks() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fedecks",
		Short: "Fedecks at a terminal: a server or a device that prints and sends Erlang terms",
	}
	cmd.AddCommand(newFedecksServer(), newFedecksClient())
	return cmd
}

// Where credentials are taken from that no flag says, since flags are seen by all users of a
// machine.
const (
	envUsername = "FEDECKS_USERNAME"
	envPassword = "FEDECKS_PASSWORD" //nolint:gosec // the name of a variable
	envSecret   = "FEDECKS_SECRET"   //nolint:gosec // the name of a variable
	envSalt     = "FEDECKS_SALT"

	envNATSURL    = "FEDECKS_NATS_URL"    // with credentials in it, maybe
	envNATSSecret = "FEDECKS_NATS_SECRET" //nolint:gosec // the name of a variable
)

// fromEnv gives flags that were not given the values of environment variables.
func fromEnv(flags *pflag.FlagSet, vars map[string]string) error {
	for name, key := range vars {
		value, ok := os.LookupEnv(key)
		if !ok || flags.Changed(name) {
			continue
		}
		if err := flags.Set(name, value); err != nil {
			return err
		}
	}
	return nil
}

// terms is where terms are typed.
func terms(cmd *cobra.Command) fedecks.Input {
	f, ok := cmd.InOrStdin().(*os.File)
	return fedecks.Input{Reader: cmd.InOrStdin(), Terminal: ok && term.IsTerminal(int(f.Fd()))}
}

// complaints is where errors go that do not end the run.
func complaints(cmd *cobra.Command) *report.Printer {
	return &report.Printer{Out: cmd.ErrOrStderr()}
}

// logger writes errors only, or everything.
func logger(out io.Writer, verbose bool) zerolog.Logger {
	level := zerolog.ErrorLevel
	if verbose {
		level = zerolog.DebugLevel
	}
	console := zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly, NoColor: true}
	return zerolog.New(console).Level(level).With().Timestamp().Logger()
}

func verboseFlag(f *pflag.FlagSet, on *bool) {
	f.BoolVarP(on, "verbose", "v", false, "log everything to standard error, not errors only")
}
