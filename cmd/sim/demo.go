package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/hublink-go/hublink/cmd/sim/internal/demo"
	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

// demoOptions are the flags of sim demo.
type demoOptions struct {
	file, base, fault string
	keys              []string
	raw, json         bool
}

func newDemo() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "One update over the air, end to end: offer, download, reboot, trial, commit",
		Long: `Start a simulated hub and a device that runs 1.0.0, make and sign a fwup archive
(.fw) of 1.1.0, offer it, and watch the device verify and apply it, come back on
it and commit.

With --firmware the archive is a file, which the device takes only if one of the
keys of --public-key has signed it. The machine is then one that --base has
made, or else one with the layout of the archive's own task complete, which runs
0.0.0. With --raw the offer is the image of a slot, without a signature.

Exit code 0 only if all of that happened; with the faults corrupt, truncated and
oversized, and with an archive that is refused, it cannot, and the device goes
on running what it ran. With cut and stall the download goes on where it
stopped. It never takes longer than a minute.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&o.file, "firmware", "",
		"file to offer, as it is (default: an archive that is made, with --raw 64 MiB)")
	f.StringArrayVar(&o.keys, "public-key", nil,
		"key that signed --firmware, or its file; may be given again")
	f.StringVar(&o.base, "base", "", "archive whose task complete makes the machine for --firmware")
	f.BoolVar(&o.raw, "raw", false, "offer the image of a slot instead of an archive")
	f.StringVar(&o.fault, "fault", "",
		"what goes wrong: corrupt, truncated, oversized, cut or stall")
	jsonFlag(cmd, &o.json)
	return cmd
}

// run checks the flags and plays the demo.
func (o *demoOptions) run(cmd *cobra.Command) (err error) {
	options := demo.Options{Raw: o.raw, Print: printer(cmd, o.json)}
	if options.Fault, err = demo.ParseFault(o.fault); err != nil {
		return fmt.Errorf("--fault: %w", err)
	}
	given := cmd.Flags().Changed
	if (given("public-key") || given("base")) && (o.raw || !given("firmware")) {
		return errors.New("--public-key and --base go with --firmware and without --raw")
	}
	if options.Keys, err = keysOf(o.keys); err != nil {
		return fmt.Errorf("--public-key: %w", err)
	}
	if given("firmware") {
		f, content, err := openFirmware(o.file)
		if err != nil {
			return fmt.Errorf("--firmware: %w", err)
		}
		defer f.Close()
		options.Firmware = &content
	}
	if given("base") {
		f, content, err := openFirmware(o.base)
		if err != nil {
			return fmt.Errorf("--base: %w", err)
		}
		defer f.Close()
		options.Base = &content
	}
	result, err := demo.Run(cmd.Context(), options)
	result.Print(options.Print.Line)
	return conclude(cmd, options.Print, result, err)
}

// keysOf reads public keys: files, or keys themselves.
func keysOf(given []string) (keys []fwfile.Key, err error) {
	for _, text := range given {
		data, err := os.ReadFile(text)
		if errors.Is(err, fs.ErrNotExist) {
			data, err = []byte(text), nil
		}
		if err != nil {
			return nil, err
		}
		k, err := fwfile.ParseKey(data)
		if err != nil {
			return nil, fmt.Errorf("%.60q: %w", text, err)
		}
		keys = append(keys, k)
	}
	return keys, nil
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
