// Package needs is for tests that use programs which are not part of Go. `go test ./...` passes
// without them; `make test` installs them and sets HUBLINK_REQUIRE_TOOLS=1, and then none may be
// missing.
package needs

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Program gives the path of a program. Without it the test is skipped, saying that what was not
// checked, as "terms against Erlang", or fails where all programs must be. A name with a slash in
// it is a file that need not be executable.
func Program(t testing.TB, name, what string) string {
	t.Helper()
	if strings.Contains(name, "/") {
		if _, err := os.Stat(name); err == nil {
			return name
		}
	} else if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if os.Getenv("HUBLINK_REQUIRE_TOOLS") == "1" {
		t.Fatalf("%s is missing and HUBLINK_REQUIRE_TOOLS=1: run make deps", name)
	}
	t.Skipf("SKIPPED: %s is not installed, NOT checked: %s", name, what)
	return ""
}
