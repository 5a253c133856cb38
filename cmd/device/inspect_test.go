package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/firmware/native"
	"github.com/hublink-go/hublink/tests/golden"
)

const fixtures = "../../tests/testdata/fixtures/fwup/"

// target is a file as package native writes it.
type target struct{ *os.File }

func (f target) Size() (int64, bool, error) {
	info, err := f.Stat()
	return info.Size(), false, err
}

// makeDisk writes a disk as a factory does: by the task complete of app-1.0.0.
func makeDisk(t testing.TB, path string) {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, f.Truncate(16<<20))
	r, err := fwfile.NewReader(bytes.NewReader(golden.Read(t, fixtures+"fw/app-1.0.0.fw")),
		fwfile.Options{AllowUnsigned: true})
	require.NoError(t, err)
	run, err := native.Open(target{f}, r.Meta(), native.Options{Task: "complete"})
	require.NoError(t, err)
	require.NoError(t, run.Begin())
	for {
		e, err := r.Next()
		if err != nil {
			break
		}
		require.NoError(t, run.Resource(e, r))
	}
	require.NoError(t, run.Ready())
	require.NoError(t, run.Finish())
}

// makeMachine makes a folder with a disk and a device.toml that trusts key1 only.
func makeMachine(t testing.TB) (dir string) {
	t.Helper()
	dir = t.TempDir()
	makeDisk(t, dir+"/disk")
	key, err := filepath.Abs(fixtures + "keys/key1.pub")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(dir+"/device.toml", fmt.Appendf(nil, `
[identity]
value = "gateway-0042"
[hub]
url = "wss://127.0.0.1:1"
[hub.shared_secret]
key = "nhp_k"
secret = "s3cr3t"
[slots]
env = [{path = "%[1]s/disk", offset = 0x2000, size = 0x2000}]
[firmware]
state_dir = "%[1]s/state"
disk = "%[1]s/disk"
public_keys = [%[2]q]
[control]
socket = "%[1]s/s"
`, dir, key), 0o600))
	return dir
}

// device runs a command line.
func device(t testing.TB, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, &o, &e)
	return code, o.String(), e.String()
}

// Every archive of fwup is described and judged as the golden files say, and looking changes not
// one byte of the disk.
func TestInspectFixtures(t *testing.T) {
	dir := makeMachine(t)
	before := golden.Read(t, dir+"/disk")
	files := golden.Files(t, "fw/*.fw", fixtures)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".fw")
		t.Run(name, func(t *testing.T) {
			code, out, errOut := device(t, "inspect", "-c", dir+"/device.toml", file)
			require.Empty(t, errOut)
			out = strings.ReplaceAll(out, filepath.Dir(file)+"/", "")
			out += fmt.Sprintf("exit code     %d\n", code)
			golden.Same(t, "testdata/inspect/"+name+".txt", out)
		})
	}
	code, out, _ := device(t, "inspect", "-c", dir+"/device.toml", "--task", "upgrade.a",
		fixture("app-1.1.0"))
	require.Equal(t, exitPolicy, code)
	require.Contains(t, out, "the requirements of its tasks \"upgrade.a\" are not met")
	require.True(t, bytes.Equal(before, golden.Read(t, dir+"/disk")))
	require.NoDirExists(t, dir+"/state")
}
