package fwdev

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/firmware/native"
	"github.com/hublink-go/hublink/firmware/slotdev"
	"github.com/hublink-go/hublink/tests/golden"
)

// TestMain lets the test binary be the fwup program, too.
func TestMain(m *testing.M) {
	if os.Getenv("FWDEV_TEST_FWUP") != "" {
		os.Exit(fakeFwup())
	}
	goleak.VerifyTestMain(m)
}

const fixtures = "../../tests/testdata/fixtures/fwup/"

func fw(t testing.TB, name string) []byte {
	t.Helper()
	return golden.Read(t, fixtures+"fw/"+name)
}

// record is a boot record whose flips others do.
type record struct {
	state    firmware.BootState
	reverted int
}

func (r *record) State(context.Context) (firmware.BootState, error) { return r.state, nil }

func (*record) Flip(context.Context, firmware.Target) error {
	return errors.New("the applier flips by itself")
}

func (*record) Commit(context.Context) error { return nil }

func (r *record) Revert(context.Context) error {
	r.reverted++
	r.state.Next = r.state.Active
	return nil
}

// disk makes a file with the firmware 1.0.0 in slot a, by its task complete.
func newDisk(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	require.NoError(t, os.WriteFile(path, make([]byte, 16<<20), 0o600))
	install(t, Config{Disk: path, Task: "complete", Mode: Native}, fw(t, "app-1.0.0.fw"))
	return path
}

func keys(t testing.TB) func() fwfile.Options {
	t.Helper()
	k, err := fwfile.ParseKey(golden.Read(t, fixtures+"keys/key1.pub"))
	require.NoError(t, err)
	return func() fwfile.Options { return fwfile.Options{Keys: []fwfile.Key{k}} }
}

func begin(t *testing.T, cfg Config, target firmware.Target) firmware.Staging {
	t.Helper()
	if cfg.Keys == nil {
		cfg.Keys = keys(t)
	}
	if cfg.Slots == nil {
		cfg.Slots = &record{state: firmware.BootState{Active: "a", Next: "a", Validated: true}}
	}
	a, err := New(cfg)
	require.NoError(t, err)
	s, err := a.Begin(t.Context(), target)
	require.NoError(t, err)
	return s
}

// feed gives an archive to a staging in pieces, as the agent does.
func feed(s firmware.Staging, archive []byte) error {
	for off := 0; off < len(archive); {
		n, err := s.WriteAt(archive[off:min(len(archive), off+50_000)], int64(off))
		if err != nil {
			return err
		}
		off += n
	}
	return s.Finish(context.Background())
}

func install(t *testing.T, cfg Config, archive []byte) {
	t.Helper()
	s := begin(t, cfg, firmware.Target{})
	require.NoError(t, feed(s, archive))
	require.NoError(t, s.(firmware.Flipper).Flip(t.Context()))
}

// An archive is installed; what flips comes with Flip, not before.
func TestInstall(t *testing.T) {
	disk := newDisk(t)
	env := func() []byte { return golden.Read(t, disk)[8192:16384] }
	var seen Archive
	s := begin(t, Config{
		Disk: disk, OnArchive: func(a Archive) error { seen = a; return nil },
	}, firmware.Target{UUID: "5e2c3c1b-a6d6-5be3-5c75-30a592f0c9b5"})
	require.NoError(t, feed(s, fw(t, "app-1.1.0.fw")))
	require.Equal(t, "upgrade.b", seen.Task)
	require.NotNil(t, seen.Signer)
	require.NotContains(t, string(env()), "nerves_fw_active=b", "Finish must not flip")
	require.NoError(t, s.(firmware.Flipper).Flip(t.Context()))
	require.Contains(t, string(env()), "nerves_fw_active=b")

	// And a delta on top, which needs what was just installed.
	install(t, Config{Disk: disk}, fw(t, "app-1.2.0-delta-from-1.1.0.fw"))
	require.Contains(t, string(env()), "nerves_fw_active=a")
}

// The running slot is noted in the boot record right before the flip, and the flip leaves the note:
// what is refused changes no byte of the boot record, which slotdev keeps.
func TestTheRunningSlotIsNotedBeforeTheFlip(t *testing.T) {
	disk := newDisk(t)
	slots, err := slotdev.Open(slotdev.Config{
		Env: []slotdev.Location{{Path: disk, Offset: 8192, Size: 8192}}, BootID: "boot-1",
	})
	require.NoError(t, err)
	env := func() []byte { return golden.Read(t, disk)[8192:16384] }
	before := env()
	s := begin(t, Config{Disk: disk, Slots: slots}, firmware.Target{})
	require.Error(t, feed(s, fw(t, "app-1.1.0-bitflip.fw")))
	require.NoError(t, s.Abort())
	require.True(t, bytes.Equal(before, env()))

	install(t, Config{Disk: disk, Slots: slots}, fw(t, "app-1.1.0.fw"))
	state, err := slots.State(t.Context())
	require.NoError(t, err)
	require.Equal(t, "a", state.Active, "this boot runs slot a still")
	require.Equal(t, "b", state.Next)
}

// What must not be installed is refused with its reason, and not one byte of the boot record or of
// the boot partition has changed.
func TestRefusals(t *testing.T) {
	disk := newDisk(t)
	for name, want := range map[string]error{
		"app-1.1.0-otherkey.fw":         fwfile.ErrSignature,
		"app-1.1.0-unsigned.fw":         fwfile.ErrUnsigned,
		"app-1.1.0-badmeta.fw":          fwfile.ErrSignature,
		"app-1.1.0-bitflip.fw":          fwfile.ErrCorrupt,
		"app-1.1.0-bitflip-deflate.fw":  fwfile.ErrCorrupt,
		"app-1.1.0-badresource.fw":      fwfile.ErrCorrupt,
		"app-1.1.0-truncated.fw":        fwfile.ErrTruncated,
		"app-1.2.0-delta-from-1.1.0.fw": native.ErrDelta,
		"edge-base.fw":                  nil, // it has no task for updates
	} {
		before := golden.Read(t, disk)[:5<<20]
		s := begin(t, Config{Disk: disk}, firmware.Target{})
		err := feed(s, fw(t, name))
		require.Error(t, err, name)
		if want != nil {
			require.ErrorIs(t, err, want, name)
		}
		require.NoError(t, s.Abort(), name)
		require.True(t, bytes.Equal(before, golden.Read(t, disk)[:5<<20]), name)
	}
	s := begin(t, Config{Disk: disk}, firmware.Target{UUID: "another"})
	require.ErrorIs(t, feed(s, fw(t, "app-1.1.0.fw")), ErrOtherFirmware)
	require.NoError(t, s.Abort())
	for key := range factory { // an offer that claims what the policy takes
		s = begin(t, Config{Disk: disk}, firmware.Target{Meta: firmware.Metadata{key: "another"}})
		if err := feed(s, fw(t, "app-1.1.0.fw")); key != "uuid" {
			require.ErrorIs(t, err, ErrOtherFirmware, key)
		}
		require.NoError(t, s.Abort())
	}

	used := func(string) ([]Range, error) {
		return []Range{{14400 * 512, 14401 * 512, "the root"}},
			nil
	}
	s = begin(t, Config{Disk: disk, InUse: used}, firmware.Target{})
	require.ErrorContains(t, feed(s, fw(t, "app-1.1.0.fw")), "the root")
	require.NoError(t, s.Abort())

	s = begin(t, Config{
		Disk: disk, OnArchive: func(Archive) error { return errors.New("by policy") },
	}, firmware.Target{})
	require.ErrorContains(t, feed(s, fw(t, "app-1.1.0.fw")), "by policy")
	require.NoError(t, s.Abort())
}

// An update that is called off in the middle leaves the boot record as it was, and the next one
// works.
func TestAbort(t *testing.T) {
	disk := newDisk(t)
	archive := fw(t, "app-1.1.0.fw")
	for _, n := range []int{0, 10, 5_000, 300_000, len(archive)} {
		s := begin(t, Config{Disk: disk}, firmware.Target{})
		_, err := s.WriteAt(archive[:n], 0)
		require.NoError(t, err)
		if n == len(archive) {
			require.NoError(t, s.Finish(t.Context()))
		}
		require.NoError(t, s.Abort())
	}
	install(t, Config{Disk: disk}, archive)
	require.Contains(t, string(golden.Read(t, disk)[8192:16384]), "nerves_fw_active=b")
}

// A flip that was not booted is taken back before a task chooses its slot, and a firmware on trial
// stays.
func TestBegin(t *testing.T) {
	disk := newDisk(t)
	slots := &record{state: firmware.BootState{Active: "a", Next: "b", Validated: true}}
	install(t, Config{Disk: disk, Slots: slots}, fw(t, "app-1.1.0.fw"))
	require.Equal(t, 1, slots.reverted)

	a, err := New(Config{
		Disk: disk, Keys: keys(t), Slots: &record{state: firmware.BootState{Active: "a", Next: "a"}},
	})
	require.NoError(t, err)
	_, err = a.Begin(t.Context(), firmware.Target{})
	require.ErrorContains(t, err, "on trial")

	_, err = New(Config{})
	require.ErrorContains(t, err, "Disk")
	require.ErrorContains(t, err, "Keys")
}
