package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hublink-go/hublink/cmd/device/internal/agent"
	"github.com/hublink-go/hublink/cmd/device/internal/config"
	"github.com/hublink-go/hublink/cmd/device/internal/look"
)

func newInspect() *cobra.Command {
	var path, format string
	var keys []string
	var o agent.Order
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Show what a firmware file holds, who signed it, and whether this device takes it",
		Long: `Read a firmware file and change nothing.

Without a configuration only the file is judged; --public-key gives keys to verify it with. The exit
code is that of "device install" for the same file: 0 means that it would be taken.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(format); err != nil {
				return err
			}
			file, err := optionalConfig(cmd, path)
			if err != nil {
				return &exitError{code: exitConfig, err: err}
			}
			o.Source = args[0]
			f, refused, err := agent.LookAt(cmd.Context(), file, o, keys)
			if err != nil {
				return &exitError{code: exitFailure, err: err}
			}
			text := f.Text()
			if format == "json" {
				text = f.JSON()
			}
			if _, err := io.WriteString(cmd.OutOrStdout(), text); err != nil {
				return &exitError{code: exitFailure, err: err}
			}
			if refused != nil {
				return &exitError{code: codeOf(refused), said: true, err: refused}
			}
			return nil
		},
	}
	configFlag(cmd, &path)
	outputFlag(cmd, &format)
	orderFlags(cmd, &o)
	cmd.Flags().StringArrayVar(&keys, "public-key", nil,
		"key that may sign: base64, a file, or a folder with *.pub")
	return cmd
}

func newKeys() *cobra.Command {
	var path, format string
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Show the keys that may sign firmware, and where each comes from",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(format); err != nil {
				return err
			}
			file, err := config.Load(path)
			if err != nil {
				return &exitError{code: exitConfig, err: err}
			}
			keys, meaning, err := agent.Keys(file)
			if err != nil {
				return &exitError{code: exitConfig, err: err}
			}
			return printKeys(cmd.OutOrStdout(), keys, meaning, format)
		},
	}
	configFlag(cmd, &path)
	outputFlag(cmd, &format)
	return cmd
}

func printKeys(w io.Writer, keys []agent.Key, meaning, format string) error {
	type row struct {
		ID   string `json:"id"`
		Key  string `json:"key"`
		From string `json:"from"`
	}
	rows := make([]row, 0, len(keys))
	var text strings.Builder
	for _, k := range keys {
		rows = append(rows, row{k.ID(), k.String(), k.From})
		fmt.Fprintf(&text, "%s  %s  %s\n", k.ID(), k.String(), look.Printable(k.From))
	}
	fmt.Fprintln(&text, meaning)
	if format == "json" {
		text.Reset()
		text.WriteString(look.JSON(map[string]any{"keys": rows, "meaning": meaning}))
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// optionalConfig loads the configuration; nil when none is given and the usual place has none.
func optionalConfig(cmd *cobra.Command, path string) (*config.File, error) {
	file, err := config.Load(path)
	if errors.Is(err, fs.ErrNotExist) && !cmd.Flags().Changed("config") {
		return nil, nil //nolint:nilnil // there is no configuration
	}
	return file, err
}

// codeOf is the exit code for a firmware that is not installed.
func codeOf(err error) int {
	for _, c := range [...]struct {
		kind error
		code int
	}{
		{agent.ErrInstalled, exitInstalled},
		{agent.ErrDowngrade, exitDowngrade},
		{agent.ErrNoSpace, exitNoSpace},
		{agent.ErrDownload, exitDownload},
		{agent.ErrVerification, exitVerification},
		{agent.ErrPolicy, exitPolicy},
		{agent.ErrConfig, exitConfig},
		{agent.ErrReboot, exitReboot},
	} {
		if errors.Is(err, c.kind) {
			return c.code
		}
	}
	return exitFailure
}

func outputFlag(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVarP(format, "output", "o", "text", "text or json")
}

func checkOutput(format string) error {
	if format != "text" && format != "json" {
		return fmt.Errorf("--output %q: allowed are text and json", format)
	}
	return nil
}

// printableLines is look.Printable for each line of text.
func printableLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = look.Printable(lines[i])
	}
	return strings.Join(lines, "\n")
}
