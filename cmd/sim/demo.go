package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/hublink-go/hublink/cmd/sim/internal/demo"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

func newDemo() *cobra.Command {
	var file, fault string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "One update over the air, end to end: offer, download, reboot, trial, commit",
		Long: `Start a simulated hub and a device that runs 1.0.0, offer it 1.1.0, and watch it
come back on that and commit.

Exit code 0 only if all of that happened; with the faults corrupt, truncated and
oversized it cannot, and the device goes on running 1.0.0. With cut and stall
the download goes on where it stopped. It never takes longer than a minute.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o := demo.Options{Print: printer(cmd, asJSON)}
			var err error
			if o.Fault, err = demo.ParseFault(fault); err != nil {
				return fmt.Errorf("--fault: %w", err)
			}
			if cmd.Flags().Changed("firmware") {
				f, content, err := openFirmware(file)
				if err != nil {
					return fmt.Errorf("--firmware: %w", err)
				}
				defer f.Close()
				o.Firmware = &content
			}
			result, err := demo.Run(cmd.Context(), o)
			result.Print(o.Print.Line)
			return conclude(cmd, o.Print, result, err)
		},
	}
	cmd.Flags().StringVar(&file, "firmware", "",
		"file to offer as 1.1.0, as it is (default: 64 MiB that are made up)")
	cmd.Flags().StringVar(&fault, "fault", "",
		"what goes wrong: corrupt, truncated, oversized, cut or stall")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// openFirmware opens a file that has content. Anything but a file could not be read twice.
func openFirmware(path string) (*os.File, hubtest.Content, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, hubtest.Content{}, err
	case !info.Mode().IsRegular():
		return nil, hubtest.Content{}, fmt.Errorf("%s is not a file", path)
	case info.Size() == 0:
		return nil, hubtest.Content{}, fmt.Errorf("%s is empty: there is nothing to update to", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, hubtest.Content{}, err
	}
	return f, hubtest.Content{ReaderAt: f, Size: info.Size()}, nil
}
