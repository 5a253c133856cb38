package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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
		Long: `Start a hub in a process of its own and many device agents in this one, over
real sockets, and measure joins, memory and goroutines.

bytes_per_device is resident memory of the whole agent. socket_bytes_per_device
of these are its socket: before the fleet starts, up to 2,000 bare sockets are
dialled to the same hub, each with a goroutine that waits for a message, and
measured in the same way. hub_bytes_per_device are heap and stacks of the hub's
process.

With --hub-restart the hub's process closes every socket with 1012 that long
after the last join, ends, and is replaced 2 s later at the same address. What
that costs is reported under "restart" and is no error: sockets closed, dials
refused while there was no hub, upgrade requests that the new hub has seen, the
most of them within a second, and when the last device was back. The rest of
--duration begins then.

Exit code 0 only if all devices have joined and stayed, without an error, and
are back within 30 s of a restart.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFleet(&cfg); err != nil {
				return err
			}
			self, err := os.Executable()
			if err != nil {
				return failure{error: fmt.Errorf("find this program: %w", err)}
			}
			cfg.Hub = func(listen string) *exec.Cmd {
				hub := cfg.HubConfig
				hub.Listen = listen
				//nolint:gosec,noctx // this program; it ends when its input is closed
				return exec.Command(self, hubArgs(hub)...)
			}
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
	fleetFlags(cmd.Flags(), &cfg)
	jsonFlag(cmd, &asJSON)
	return cmd
}

func fleetFlags(flags *pflag.FlagSet, cfg *fleet.Config) {
	flags.IntVar(&cfg.Ramp, "ramp", 500, "devices started a second")
	flags.DurationVar(&cfg.Duration, "duration", 20*time.Second,
		"how long the fleet stays after the last join")
	flags.DurationVar(&cfg.Heartbeat, "heartbeat", 10*time.Second,
		"time between two heartbeats of a device; on a device it is 30s")
	flags.DurationVar(&cfg.HubRestart, "hub-restart", 0,
		"restart the hub this long after the last join; less than --duration, without --tls; 0: never")
}

func checkFleet(cfg *fleet.Config) error {
	switch {
	case cfg.Devices < 1 || cfg.Ramp < 1 || cfg.Duration <= 0 || cfg.Heartbeat <= 0 ||
		cfg.Handshakes < 0:
		return errors.New("--devices, --ramp, --duration and --heartbeat must be positive, " +
			"and --handshakes-per-s not negative")
	case cfg.HubRestart < 0 || cfg.HubRestart >= cfg.Duration:
		return errors.New("--hub-restart must be less than --duration, and not negative")
	case cfg.HubRestart > 0 && cfg.TLS:
		return errors.New("--hub-restart is for a hub without --tls: the new hub has another certificate")
	default:
		return nil
	}
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
	cmd.Flags().StringVar(&cfg.Listen, "listen", "", "host:port")
	return cmd
}

func hubFlags(cmd *cobra.Command, cfg *fleet.HubConfig) {
	cmd.Flags().IntVar(&cfg.Devices, "devices", 2000, "devices")
	cmd.Flags().BoolVar(&cfg.TLS, "tls", false, "TLS instead of plain TCP")
	cmd.Flags().IntVar(&cfg.Handshakes, "handshakes-per-s", 0,
		"connections a second that the hub lets in; 0: all")
}

func hubArgs(cfg fleet.HubConfig) []string {
	return []string{
		hubCommand, "--devices", strconv.Itoa(cfg.Devices), "--tls=" + strconv.FormatBool(cfg.TLS),
		"--handshakes-per-s", strconv.Itoa(cfg.Handshakes), "--listen", cfg.Listen,
	}
}
