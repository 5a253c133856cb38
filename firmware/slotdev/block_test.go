package slotdev_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/slotdev"
	"github.com/hublink-go/hublink/tests/needs"
)

// loop makes a block device of a file; only root can, and not in every container.
func loop(t *testing.T, path string, size int64) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Truncate(path, size))
	losetup := needs.Program(t, "losetup", "block devices")
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: not root, NOT checked: block devices")
	}
	out, err := exec.Command(losetup, "--find", "--show", path).CombinedOutput()
	if err != nil {
		t.Skipf("SKIPPED: losetup: %s, NOT checked: block devices", out)
	}
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() { _ = exec.Command(losetup, "--detach", device).Run() })
	return device
}

func TestBlockDevices(t *testing.T) {
	dir := t.TempDir()
	cfg := files(t, 2)
	cfg.Size = 0
	cfg.A, cfg.B = loop(t, filepath.Join(dir, "a"), 1<<20), loop(t, filepath.Join(dir, "b"), 2<<20)
	disk := loop(t, filepath.Join(dir, "env"), 1<<20)
	for i := range cfg.Env {
		cfg.Env[i].Path = disk
	}
	require.NoError(t, slotdev.Create(cfg, factory, strings.NewReader(image)))
	d := open(t, cfg)
	state, err := d.State(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(2<<20), state.Capacity, "the size of the device")

	target := firmware.Target{UUID: "2", Size: 2 << 20}
	s, err := d.Begin(t.Context(), target)
	require.NoError(t, err)
	_, err = s.WriteAt([]byte("end"), 2<<20-3)
	require.NoError(t, err)
	require.NoError(t, s.Finish(t.Context()))
	require.NoError(t, d.Flip(t.Context(), target))
	slot, err := slotdev.Boot(cfg)
	require.NoError(t, err)
	require.Equal(t, "b", slot)
	require.NoError(t, d.Commit(t.Context()))

	t.Run("in use", func(t *testing.T) {
		f, err := os.OpenFile(cfg.A, os.O_RDONLY|syscall.O_EXCL, 0) // what a mount does
		require.NoError(t, err)
		defer f.Close()
		_, err = d.Begin(t.Context(), firmware.Target{UUID: "3"})
		require.ErrorIs(t, err, syscall.EBUSY)
		require.ErrorContains(t, err, "is mounted or otherwise in use")
	})
	t.Run("too short", func(t *testing.T) {
		cfg := cfg
		cfg.Size = 3 << 20
		_, err := open(t, cfg).Begin(t.Context(), firmware.Target{UUID: "3"})
		require.ErrorContains(
			t,
			err,
			"is too short: it has 1048576 bytes, the configuration says 3145728",
		)
	})
	t.Run("two nodes of one device", func(t *testing.T) {
		var info syscall.Stat_t
		require.NoError(t, syscall.Stat(cfg.A, &info))
		node := filepath.Join(dir, "node")
		if err := syscall.Mknod(node, syscall.S_IFBLK|0o600, int(info.Rdev)); err != nil {
			t.Skipf("SKIPPED: mknod: %v, NOT checked: two nodes of one device", err)
		}
		cfg := cfg
		cfg.B = node
		_, err := slotdev.Open(cfg)
		require.ErrorContains(t, err, "are the same")
	})
}
