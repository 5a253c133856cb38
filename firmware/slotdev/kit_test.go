package slotdev_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/firmwaretest"
	"github.com/hublink-go/hublink/firmware/slotdev"
	"github.com/hublink-go/hublink/firmware/slotdev/bootrecord/recordtest"
)

var factory = firmware.Metadata{
	"uuid":         "uuid-of-1.0.0",
	"product":      "p",
	"architecture": "arm",
	"version":      "1.0.0",
	"platform":     "pi",
}

const image = "the factory's firmware"

// files returns a config for new files, with that many copies of the boot record in one file.
func files(t *testing.T, copies int) slotdev.Config {
	t.Helper()
	dir := t.TempDir()
	cfg := slotdev.Config{A: filepath.Join(dir, "a"), B: filepath.Join(dir, "b"), Size: 1 << 20}
	for i := range copies {
		cfg.Env = append(
			cfg.Env,
			slotdev.Location{Path: filepath.Join(dir, "env"), Offset: int64(i)*0x2000 + 0x400, Size: 0x2000},
		)
	}
	return cfg
}

// onDisk returns a config for new files on a disk that can lose its power.
func onDisk(seed uint64, copies int) (slotdev.Config, *firmwaretest.Disk) {
	d := firmwaretest.NewDisk(seed)
	cfg := slotdev.Config{A: "a", B: "b", Size: 64 << 10, Storage: d}
	for i := range copies {
		cfg.Env = append(cfg.Env, slotdev.Location{Path: "env", Offset: int64(i) * 2048, Size: 2048})
	}
	return cfg, d
}

func open(t *testing.T, cfg slotdev.Config) *slotdev.Device {
	t.Helper()
	d, err := slotdev.Open(cfg)
	require.NoError(t, err)
	return d
}

// rig makes a device for the kits.
func rig(t *testing.T, cfg slotdev.Config, read func(path string) []byte) firmwaretest.Rig {
	t.Helper()
	require.NoError(t, slotdev.Create(cfg, factory, bytes.NewReader([]byte(image))))
	d := open(t, cfg)
	return firmwaretest.Rig{
		Slots: d, Applier: d,
		Boot: func() string {
			slot, err := slotdev.Boot(cfg)
			require.NoError(t, err)
			return slot
		},
		Reopen: func() (firmware.Slots, firmware.Applier) {
			d := open(t, cfg)
			return d, d
		},
		Bytes: func(slot string, n int) []byte {
			data := read(map[string]string{"a": cfg.A, "b": cfg.B}[slot])
			return data[:min(n, len(data))]
		},
	}
}

func rigs() map[string]func(t *testing.T) firmwaretest.Rig {
	onFiles := func(copies int) func(t *testing.T) firmwaretest.Rig {
		return func(t *testing.T) firmwaretest.Rig {
			return rig(t, files(t, copies), func(path string) []byte {
				data, err := os.ReadFile(path)
				require.NoError(t, err)
				return data
			})
		}
	}
	return map[string]func(t *testing.T) firmwaretest.Rig{
		"files, one copy of the boot record":   onFiles(1),
		"files, two copies of the boot record": onFiles(2),
		"the record of another boot loader": func(t *testing.T) firmwaretest.Rig {
			cfg, d := onDisk(1, 0)
			cfg.Size, cfg.Record = 1<<20, recordtest.NewMemory(1, 4096)
			return rig(t, cfg, d.Bytes)
		},
		"memory": func(t *testing.T) firmwaretest.Rig {
			cfg, d := onDisk(1, 2)
			cfg.Size = 1 << 20
			return rig(t, cfg, d.Bytes)
		},
	}
}

func TestSlots(t *testing.T) {
	for name, fresh := range rigs() {
		t.Run(name, func(t *testing.T) { firmwaretest.TestSlots(t, fresh) })
	}
}

func TestApplier(t *testing.T) {
	for name, fresh := range rigs() {
		t.Run(name, func(t *testing.T) { firmwaretest.TestApplier(t, fresh) })
	}
}
