package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// programs builds what the tests run, once, into a folder that goes when the tests have ended.
type programs struct {
	dir  string
	once sync.Once
	err  error
}

var built = &programs{}

func TestMain(m *testing.M) {
	if asked, code := runFedecksDevice(); asked {
		os.Exit(code)
	}
	code := func() int {
		defer func() { _ = os.RemoveAll(built.dir) }()
		return m.Run()
	}()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// program returns the path of the built program name: "device" or "sim".
func program(t *testing.T, name string) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "hublink-e2e"); built.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-o", built.dir, "../../cmd/device", "../../cmd/sim")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%s: %w\n%s", cmd, err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, name)
}
