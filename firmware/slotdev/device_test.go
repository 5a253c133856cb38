package slotdev_test

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/slotdev"
	"github.com/hublink-go/hublink/firmware/slotdev/bootrecord/recordtest"
	"github.com/hublink-go/hublink/firmware/slotdev/internal/uboot"
)

func TestConfigErrors(t *testing.T) {
	ok := func() slotdev.Config {
		return slotdev.Config{
			A: "a",
			B: "b",
			Env: []slotdev.Location{
				{Path: "env", Size: 0x2000},
				{Path: "env", Offset: 0x2000, Size: 0x2000},
			},
		}
	}
	good := ok()
	require.NoError(t, good.Validate())
	for want, spoil := range map[string]func(c *slotdev.Config){
		"both need a path":        func(c *slotdev.Config) { c.B = "" },
		"A and B are the same":    func(c *slotdev.Config) { c.B = "./a" },
		"slot size -1":            func(c *slotdev.Config) { c.Size = -1 },
		"has 0 copies":            func(c *slotdev.Config) { c.Env = nil },
		"has 3 copies":            func(c *slotdev.Config) { c.Env = append(c.Env, c.Env[0]) },
		"copy 1 of the boot":      func(c *slotdev.Config) { c.Env[0].Path = "" },
		"16 to 1048576 bytes":     func(c *slotdev.Config) { c.Env[0].Size = 1<<20 + 1 },
		"offset that is not":      func(c *slotdev.Config) { c.Env[1].Offset = -1 },
		"equally long":            func(c *slotdev.Config) { c.Env[1].Size = 0x1000 },
		"copies of the boot reco": func(c *slotdev.Config) { c.Env[1].Offset = 0x1fff },
		"two boot records":        func(c *slotdev.Config) { c.Record = recordtest.NewMemory(1, 100) },
	} {
		c := ok()
		spoil(&c)
		require.ErrorContains(t, c.Validate(), want)
		_, err := slotdev.Open(c)
		require.ErrorContains(t, err, want)
	}
}

// An update would overwrite one thing under two names while it runs.
func TestOneThingUnderTwoNames(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, c *slotdev.Config){
		"symbolic link": func(t *testing.T, c *slotdev.Config) {
			require.NoError(t, os.Symlink(c.A, c.B))
		},
		"hard link": func(t *testing.T, c *slotdev.Config) { require.NoError(t, os.Link(c.A, c.B)) },
		"through a folder": func(t *testing.T, c *slotdev.Config) {
			dir := filepath.Dir(c.A)
			require.NoError(t, os.Symlink(dir, dir+"/link"))
			c.B = dir + "/link/a"
		},
		"boot record in a slot": func(_ *testing.T, c *slotdev.Config) { c.Env[0].Path = c.A },
		"copies under two names": func(t *testing.T, c *slotdev.Config) {
			require.NoError(t, os.WriteFile(c.Env[0].Path, nil, 0o600))
			require.NoError(t, os.Symlink(c.Env[0].Path, c.Env[0].Path+"2"))
			c.Env[1] = c.Env[0]
			c.Env[1].Path += "2"
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := files(t, 2)
			require.NoError(t, os.WriteFile(cfg.A, []byte(image), 0o600))
			spoil(t, &cfg)
			_, err := slotdev.Open(cfg)
			require.Error(t, err)
			require.Regexp(t, "the same|inside of", err.Error())
			data, err := os.ReadFile(cfg.A)
			require.NoError(t, err)
			require.Equal(t, image, string(data))
		})
	}
	t.Run("that became the same later", func(t *testing.T) {
		cfg := files(t, 2)
		require.NoError(t, slotdev.Create(cfg, factory, strings.NewReader(image)))
		d := open(t, cfg)
		require.NoError(t, os.Remove(cfg.B))
		require.NoError(t, os.Symlink(cfg.A, cfg.B))
		_, err := d.Begin(t.Context(), firmware.Target{UUID: "2", Size: 10})
		require.ErrorContains(t, err, "are the same")
	})
}

func TestRunningSlotIsNeverOpenedForWriting(t *testing.T) {
	cfg, disk := onDisk(1, 2)
	require.NoError(t, slotdev.Create(cfg, factory, strings.NewReader(image)))
	before := disk.Writable("a")
	d := open(t, cfg)
	s, err := d.Begin(t.Context(), firmware.Target{UUID: "2"})
	require.NoError(t, err)
	_, err = s.WriteAt([]byte("new"), 0)
	require.NoError(t, err)
	require.NoError(t, s.Finish(t.Context()))
	require.NoError(t, d.Flip(t.Context(), firmware.Target{UUID: "2"}))
	require.NoError(t, d.Revert(t.Context()))
	require.Equal(t, before, disk.Writable("a"))
}

func TestBeginOnTrialIsRefused(t *testing.T) {
	cfg, disk := onDisk(1, 2)
	require.NoError(t, slotdev.Create(cfg, factory, strings.NewReader(image)))
	d := open(t, cfg)
	target := firmware.Target{UUID: "2"}
	s, err := d.Begin(t.Context(), target)
	require.NoError(t, err)
	require.NoError(t, s.Finish(t.Context()))
	require.NoError(t, d.Flip(t.Context(), target))
	_, err = slotdev.Boot(cfg)
	require.NoError(t, err)
	before := disk.Bytes("a")
	_, err = d.Begin(t.Context(), firmware.Target{UUID: "3"})
	require.ErrorIs(t, err, slotdev.ErrOnTrial)
	require.Equal(t, before, disk.Bytes("a"))
	require.NoError(t, d.Revert(t.Context()))
	_, err = d.Begin(t.Context(), firmware.Target{UUID: "3"})
	require.ErrorIs(t, err, slotdev.ErrOnTrial, "also when a revert waits for the reboot")
	require.ErrorContains(t, d.Commit(t.Context()), "restart")
}

func TestWhatIsMissing(t *testing.T) {
	t.Run("the boot record", func(t *testing.T) {
		cfg := files(t, 2)
		_, err := open(t, cfg).State(t.Context())
		require.ErrorIs(t, err, slotdev.ErrNoRecord)
		require.ErrorIs(t, err, fs.ErrNotExist)
		_, err = slotdev.Boot(cfg)
		require.ErrorIs(t, err, slotdev.ErrNoRecord)
	})
	t.Run("the end of the boot record", func(t *testing.T) {
		cfg := files(t, 1)
		require.NoError(t, os.WriteFile(cfg.Env[0].Path, make([]byte, 0x2000), 0o600))
		_, err := open(t, cfg).State(t.Context())
		require.ErrorIs(t, err, slotdev.ErrNoRecord)
		require.ErrorContains(t, err, "ends after 7168 of 8192 bytes")
	})
	t.Run("the slot", func(t *testing.T) {
		cfg := files(t, 2)
		require.NoError(t, slotdev.Create(cfg, factory, nil))
		require.NoError(t, os.Remove(cfg.B))
		cfg.Size = 0
		_, err := open(t, cfg).State(t.Context())
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.ErrorContains(t, err, "slot b")
		require.NoError(t, os.WriteFile(cfg.B, nil, 0o600))
		_, err = open(t, cfg).Begin(t.Context(), firmware.Target{UUID: "2"})
		require.ErrorContains(t, err, "is empty")
	})
	t.Run("a file", func(t *testing.T) {
		cfg := files(t, 2)
		require.NoError(t, slotdev.Create(cfg, factory, nil))
		require.NoError(t, os.Remove(cfg.B))
		require.NoError(t, os.Mkdir(cfg.B, 0o700))
		_, err := open(t, cfg).State(t.Context())
		require.ErrorContains(t, err, "neither a file nor a block device")
	})
	t.Run("permission", func(t *testing.T) {
		cfg, disk := onDisk(1, 2)
		require.NoError(t, slotdev.Create(cfg, factory, nil))
		cfg.Storage = readOnly{disk}
		_, err := open(t, cfg).Begin(t.Context(), firmware.Target{UUID: "2"})
		require.ErrorIs(t, err, fs.ErrPermission)
		require.ErrorContains(t, err, "slot b")
	})
}

type readOnly struct{ slotdev.Storage }

func (readOnly) Claim(path string, _ int64) (slotdev.File, error) {
	return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
}

// Begin reports a full disk before it changes anything.
func TestFullDisk(t *testing.T) {
	cfg, disk := onDisk(1, 2)
	require.NoError(t, slotdev.Create(cfg, factory, nil))
	disk.SetFree(1000)
	cfg.Size *= 2
	d := open(t, cfg)
	before, err := d.State(t.Context())
	require.NoError(t, err)
	_, err = d.Begin(t.Context(), firmware.Target{UUID: "2", Size: 100})
	require.ErrorIs(t, err, syscall.ENOSPC)
	after, err := d.State(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, after)
}

// Begin reports before the download that the boot record has no room for the description.
func TestBootRecordTooSmall(t *testing.T) {
	cfg, _ := onDisk(1, 2)
	require.NoError(t, slotdev.Create(cfg, factory, nil))
	d := open(t, cfg)
	for want, meta := range map[string]firmware.Metadata{
		"takes 2048 bytes":     {"description": strings.Repeat("x", 2000)},
		`key "a=b"`:            {"a=b": "x"},
		`key ""`:               {"": "x"},
		"not possible":         {"misc": "x\x00nerves_fw_active=b"},
		`key "x\nnerves_fw_a"`: {"x\nnerves_fw_a": "b"},
	} {
		_, err := d.Begin(t.Context(), firmware.Target{UUID: "2", Meta: meta})
		require.ErrorContains(t, err, want)
	}
	_, err := d.Begin(t.Context(), firmware.Target{})
	require.ErrorContains(t, err, "no uuid")
	state, err := d.State(t.Context())
	require.NoError(t, err)
	require.Nil(t, state.Other)
}

// The metadata of an offer neither looks like other entries nor replaces keys of others.
func TestMetadataIsTame(t *testing.T) {
	cfg, _ := onDisk(1, 2)
	require.NoError(t, slotdev.Create(cfg, factory, nil))
	d := open(t, cfg)
	target := firmware.Target{UUID: "2", Meta: firmware.Metadata{
		"uuid": "another", "validated": "1", "application_part0_devpath": "/dev/sda",
		"misc": "x\nnerves_fw_active=a",
	}}
	s, err := d.Begin(t.Context(), target)
	require.NoError(t, err)
	require.NoError(t, s.Finish(t.Context()))
	require.NoError(t, d.Flip(t.Context(), target))
	_, err = slotdev.Boot(cfg)
	require.NoError(t, err)
	state, err := d.State(t.Context())
	require.NoError(t, err)
	require.Equal(t, firmware.Metadata{"uuid": "2", "misc": "x nerves_fw_active=a"}, state.Meta)
	require.False(t, state.Validated)
}

func TestMetadataFromTheConfig(t *testing.T) {
	cfg, _ := onDisk(1, 2)
	bare := maps.Clone(factory)
	delete(bare, "product")
	require.NoError(t, slotdev.Create(cfg, bare, nil))
	cfg.Metadata = firmware.Metadata{"product": "gateway", "version": "0.0.0"}
	state, err := open(t, cfg).State(t.Context())
	require.NoError(t, err)
	want := maps.Clone(factory)
	want["product"] = "gateway"
	require.Equal(t, want, state.Meta, "only what the boot record does not have")
	require.Equal(t, firmware.Metadata{"product": "gateway", "version": "0.0.0"}, cfg.Metadata)
}

func TestCreate(t *testing.T) {
	cfg := files(t, 2)
	require.NoError(t, slotdev.Create(cfg, factory, strings.NewReader(image)))
	err := slotdev.Create(cfg, factory, nil)
	require.ErrorIs(t, err, fs.ErrExist, "nothing is overwritten")
	data, err := os.ReadFile(cfg.A)
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(data, []byte(image)))
	require.Len(t, data, int(cfg.Size))

	var tooLarge *firmware.TooLargeError
	err = slotdev.Create(files(t, 1), factory, bytes.NewReader(make([]byte, 1<<20+1)))
	require.ErrorAs(t, err, &tooLarge)
	require.NoError(t, slotdev.Create(files(t, 1), factory, bytes.NewReader(make([]byte, 1<<20))))
	require.ErrorContains(t, slotdev.Create(files(t, 1), firmware.Metadata{}, nil), "no uuid")
	broken := errors.New("broken")
	require.ErrorIs(t, slotdev.Create(files(t, 1), factory, brokenReader{broken}), broken)
}

type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }

// Another program writes the slots and flips: the record tells which slot runs, what was there
// before is nothing to go back to, and the flip can be taken back until the boot.
func TestAnotherProgramWritesAndFlips(t *testing.T) {
	cfg, disk := onDisk(1, 1)
	cfg.A, cfg.B, cfg.BootID = "", "", "1"
	require.NoError(t, slotdev.Create(cfg, factory, nil))
	require.Nil(t, disk.Bytes("a"), "without slots there is the boot record only")
	d := open(t, cfg)
	ctx := t.Context()
	flip := func(slot string) {
		r, err := uboot.Store{
			Storage: disk, At: []uboot.Location{uboot.Location(cfg.Env[0])},
		}.Load()
		require.NoError(t, err)
		require.NoError(t, r.Put(slot+".nerves_fw_uuid", "2"))
		require.NoError(t, r.Put("nerves_fw_active", slot))
		require.NoError(t, r.Save())
	}
	require.NoError(t, d.Vacate(ctx))
	require.NoError(t, d.Pin(ctx))
	flip("b")
	state, err := d.State(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "2"}, []string{state.Active, state.Next, state.Other["uuid"]})
	require.Error(t, d.Vacate(ctx), "the other slot boots next")

	require.NoError(t, d.Revert(ctx))
	state, err = d.State(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "a"}, []string{state.Active, state.Next})
	require.Nil(t, state.Other)

	require.NoError(t, d.Pin(ctx))
	flip("b")
	cfg.BootID = "2" // the machine has started again
	d = open(t, cfg)
	state, err = d.State(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"b", "b"}, []string{state.Active, state.Next})
	require.Equal(t, factory["uuid"], state.Other["uuid"])
	require.NoError(t, d.Revert(ctx), "by choice")
	require.NoError(t, d.Revert(ctx), "a revert that waits for its reboot is none that is taken back")
	state, err = d.State(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"b", "a"}, []string{state.Active, state.Next})
}
