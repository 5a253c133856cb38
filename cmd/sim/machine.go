package main

import (
	"fmt"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/hublink-go/hublink/cmd/sim/internal/machine"
)

// newMachine makes the commands around a folder that stands for a machine.
func newMachine() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "machine",
		Short: "A machine in a folder, to try the device process on a desk",
	}
	cmd.AddCommand(newMachineNew(), newMachineFirmware(), newMachineBoot())
	return cmd
}

func newMachineNew() *cobra.Command {
	var o machine.Options
	cmd := &cobra.Command{
		Use:   "new DIR",
		Short: "Make slots, a boot record and a configuration for sim hub",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := machine.New(args[0], o)
			if err != nil {
				return failure{error: err}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "device run -c %s\n", path)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Identity, "identity", "bench-1", "device identifier")
	f.Int64Var(&o.Size, "size", 64<<20, "bytes of a slot")
	f.BoolVar(&o.Disk, "disk", false,
		"one disk that takes signed fwup archives, instead of slot files that take any image")
	f.StringVar(&o.URL, "url", "ws://127.0.0.1:4001", "of the hub")
	f.StringVar(&o.CA, "ca", "", "PEM file with the authority of the hub (default: the system's)")
	f.StringVar(&o.Key, "key", defaultKey, "key that the hub accepts")
	f.StringVar(&o.Secret, "secret", defaultSecret, "its secret")
	return cmd
}

func newMachineFirmware() *cobra.Command {
	var version string
	var size int64
	cmd := &cobra.Command{
		Use:   "firmware DIR FILE",
		Short: "Make a signed fwup archive for a machine that has a disk",
		Args:  cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := renameio.NewPendingFile(args[1], renameio.WithPermissions(0o644))
			if err != nil {
				return failure{error: err}
			}
			defer func() { _ = f.Cleanup() }() // does nothing to a file that is in place
			if err := machine.Firmware(args[0], version, size, f); err != nil {
				return failure{error: err}
			}
			if err := f.CloseAtomicallyReplace(); err != nil {
				return failure{error: err}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&version, "version", "1.1.0", "of the firmware")
	cmd.Flags().Int64Var(&size, "size", 8<<20, "bytes of its root file system")
	return cmd
}

func newMachineBoot() *cobra.Command {
	return &cobra.Command{
		Use:   "boot DIR",
		Short: "Play the boot loader: what the machine does when the agent has ended with code 75",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			slot, err := machine.Boot(args[0])
			if err != nil {
				return failure{error: err}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "slot %s boots\n", slot)
			return nil
		},
	}
}
