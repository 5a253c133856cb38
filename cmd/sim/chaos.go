package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hublink-go/hublink/cmd/sim/internal/chaos"
)

func newChaos() *cobra.Command {
	var cfg chaos.Config
	var kill string
	var extensions []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "chaos",
		Short: "Updates again and again while actors crash",
		Long: `Run devices against a simulated hub, update them again and again, and crash
their actors in the middle of that: by a panic inside Receive, at a point that
the seed chooses, and no more often than the supervisors of a device bear.

Exit code 0 only if no socket was dropped, every update that was started was
completed, no supervisor gave up and nothing was left behind.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if cfg.Extensions, err = chaos.Factories(extensions); err != nil {
				return fmt.Errorf("--extensions: %w", err)
			}
			if cfg.Kinds, err = chaos.ParseKinds(kill, extensions); err != nil {
				return fmt.Errorf("--kill: %w", err)
			}
			if err := cfg.Validate(); err != nil {
				return err
			}
			cfg.Print = printer(cmd, asJSON)
			result, err := chaos.Run(cmd.Context(), cfg)
			result.Print(cfg.Print.Line)
			return conclude(cmd, cfg.Print, result, err)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&kill, "kill", "all",
		"which actors: all, extension (each of --extensions), or one of connection, channel/device, "+
			"updater, downloader, applier, client, channel/extensions, extension/<name>")
	flags.StringSliceVar(&extensions, "extensions", []string{"health"},
		"what the devices have: health, pulse (a custom one with a goroutine)")
	flags.IntVar(&cfg.Kills, "times", 200, "crashes in all")
	flags.Uint64Var(&cfg.Seed, "seed", 1, "the same seed gives the same schedule")
	flags.IntVar(&cfg.Devices, "devices", 20, "devices")
	jsonFlag(cmd, &asJSON)
	return cmd
}
