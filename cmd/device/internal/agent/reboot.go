package agent

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"time"

	"github.com/hublink-go/hublink/cmd/device/internal/config"
)

// rebootOutput bounds what is shown of a reboot command that failed.
const rebootOutput = 512

// rebooter runs the reboot command; nil when the agent shall end instead.
func rebooter(reboot *config.Reboot) func(ctx context.Context, reason string) error {
	if reboot.Mode != config.RebootCommand {
		return nil
	}
	argv := reboot.Command
	return func(ctx context.Context, _ string) error {
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // the operator's own command
		// a child that keeps the output open does not hold us up
		cmd.WaitDelay = time.Second
		out, err := cmd.CombinedOutput()
		if err != nil {
			out = bytes.TrimSpace(out)
			return fmt.Errorf("reboot.command %s: %w: %s", argv[0], err, out[:min(len(out), rebootOutput)])
		}
		return nil
	}
}
