package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/hublink-go/hublink/cmd/sim/internal/fleet"
)

// hubCommand is the hidden command that the hub's process is started with.
const hubCommand = "fleet-hub"

func newFleet() *cobra.Command {
	cfg := fleet.Config{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "fleet",
		Short: "Many devices in one process against a hub in another",
		Long: `Start a hub in a process of its own and many device agents in this one, over real sockets, and measure joins, memory and goroutines.

Exit code 0 only if all devices have joined and stayed, without an error.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cfg.Devices < 1 || cfg.Ramp < 1 || cfg.Duration <= 0 || cfg.Heartbeat <= 0 || cfg.Handshakes < 0 {
				return errors.New("--devices, --ramp, --duration and --heartbeat must be positive, and --handshakes-per-s not negative")
			}
			self, err := os.Executable()
			if err != nil {
				return failure{error: fmt.Errorf("find this program: %w", err)}
			}
			cfg.Hub = exec.Command(self, hubArgs(cfg.HubConfig)...) //nolint:gosec,noctx // this program; it ends when its input is closed
			cfg.Print = printer(cmd, asJSON)
			result, err := fleet.Run(cmd.Context(), cfg)
			var many *fleet.TooManyError
			if errors.As(err, &many) {
				return fmt.Errorf("--devices: %w", err)
			}
			result.Print(cfg.Print.Line)
			return conclude(cmd, cfg.Print, result, err)
		},
	}
	hubFlags(cmd, &cfg.HubConfig)
	cmd.Flags().IntVar(&cfg.Ramp, "ramp", 500, "devices started a second")
	cmd.Flags().DurationVar(&cfg.Duration, "duration", 20*time.Second, "how long the fleet stays after the last join")
	cmd.Flags().DurationVar(&cfg.Heartbeat, "heartbeat", 10*time.Second, "time between two heartbeats of a device; on a device it is 30s")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// newFleetHub is the hub's process of a fleet.
func newFleetHub() *cobra.Command {
	var cfg fleet.HubConfig
	cmd := &cobra.Command{
		Use:    hubCommand,
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fleet.ServeHub(cfg, cmd.InOrStdin(), cmd.OutOrStdout()); err != nil {
				return failure{error: err}
			}
			return nil
		},
	}
	hubFlags(cmd, &cfg)
	return cmd
}

func hubFlags(cmd *cobra.Command, cfg *fleet.HubConfig) {
	cmd.Flags().IntVar(&cfg.Devices, "devices", 2000, "devices")
	cmd.Flags().BoolVar(&cfg.TLS, "tls", false, "TLS instead of plain TCP")
	cmd.Flags().IntVar(&cfg.Handshakes, "handshakes-per-s", 0, "connections a second that the hub lets in; 0: all")
}

func hubArgs(cfg fleet.HubConfig) []string {
	return []string{
		hubCommand, "--devices", strconv.Itoa(cfg.Devices), "--tls=" + strconv.FormatBool(cfg.TLS),
		"--handshakes-per-s", strconv.Itoa(cfg.Handshakes),
	}
}
