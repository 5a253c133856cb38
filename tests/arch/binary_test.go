package arch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// unlinked are packages that a binary must not contain, by the folder of its main package.
var unlinked = map[string][]string{
	// The agent runs on small devices. What only the simulator and tests need would cost them memory
	// and flash.
	"cmd/device": {
		"gonum.org/...", "github.com/nats-io/...", "github.com/chromedp/...",
		"github.com/vbauerster/mpb/...",
		"github.com/stretchr/...", "testing",
		module + "/protocol/hubtest/...", module + "/firmware/firmwaretest/...",
		module + "/firmware/ramdev/...",
		module + "/extensions/exttest/...",
		module + "/supervisor/supervisortest/...", module + "/protocol/transport/transporttest/...",
		module + "/tests/...",
	},
}

func TestWhatBinariesLink(t *testing.T) {
	for folder, forbidden := range unlinked {
		if found, _ := filepath.Glob(filepath.Join(root, folder, "*.go")); len(found) == 0 {
			continue // not there, so it links nothing
		}
		cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-deps", "./"+folder)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", cmd, err)
		}
		for linked := range strings.Lines(string(out)) {
			for _, pattern := range forbidden {
				if fits(pattern, strings.TrimSpace(linked)) {
					t.Errorf("%s links %s", folder, strings.TrimSpace(linked))
				}
			}
		}
	}
}
