package conformance

import (
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// needs skips a test loudly when a program or a file that make deps installs is missing; under HUBLINK_REQUIRE_TOOLS=1 it fails.
func needs(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		_, err := exec.LookPath(name)
		if _, missing := os.Stat(name); err == nil || missing == nil {
			continue
		}
		if os.Getenv("HUBLINK_REQUIRE_TOOLS") == "1" {
			t.Fatalf("%s is missing and required: run make deps", name)
		}
		t.Skipf("SKIPPED, NOT TESTED: %s is missing, run make deps", name)
	}
}
