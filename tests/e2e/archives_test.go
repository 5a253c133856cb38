package e2e

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
	"github.com/hublink-go/hublink/firmware/slotdev"
	"github.com/hublink-go/hublink/protocol/hubtest"
	"github.com/hublink-go/hublink/tests/golden"
)

const fixtures = "../testdata/fixtures/fwup/"

// file is a disk in memory, as package native writes it.
type file struct{ *os.File }

func (f file) Size() (int64, bool, error) {
	info, err := f.Stat()
	return info.Size(), false, err
}

// newDisk makes a machine whose disk was written by the archive app-1.0.0 and that takes archives
// signed by key1 only.
func newDisk(t *testing.T, hub *hubtest.Hub, more ...string) *machine {
	t.Helper()
	dir := shortDir(t)
	disk := filepath.Join(dir, "disk")
	m := &machine{t: t, dir: dir, slots: slotdev.Config{
		Env: []slotdev.Location{{Path: disk, Offset: 0x2000, Size: 0x2000}},
	}}
	f, err := os.Create(disk)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(16<<20))
	factory(t, file{f})
	require.NoError(t, f.Close())
	m.write("ca.pem", authority(t, hub))
	m.write("key1.pub", golden.Read(t, fixtures+"keys/key1.pub"))
	m.write("device.toml", fmt.Appendf(nil, `
[identity]
value = %[1]q
[hub]
url = %[2]q
ca_file = "%[3]s/ca.pem"
%[4]s
[slots]
env = [{path = "%[3]s/disk", offset = 0x2000, size = 0x2000}]
[control]
socket = "%[3]s/s"
[firmware]
state_dir = "%[3]s/state"
disk = "%[3]s/disk"
public_keys = ["%[3]s/key1.pub"]
%[5]s
`, identity, hub.URL(), dir, sharedSecret(hub), strings.Join(more, "\n")))
	t.Cleanup(m.off)
	return m
}

// factory runs the task complete of app-1.0.0.
func factory(t *testing.T, disk native.Target) {
	t.Helper()
	r, err := fwfile.NewReader(bytes.NewReader(golden.Read(t, fixtures+"fw/app-1.0.0.fw")),
		fwfile.Options{AllowUnsigned: true})
	require.NoError(t, err)
	run, err := native.Open(disk, r.Meta(), native.Options{Task: "complete"})
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

// upload puts an archive of fwup on the hub, described by its own meta.conf.
func upload(t *testing.T, hub *hubtest.Hub, name string) *hubtest.Firmware {
	t.Helper()
	data := golden.Read(t, fixtures+"fw/"+name+".fw")
	meta := hubtest.Metadata{UUID: name}
	r, err := fwfile.NewReader(bytes.NewReader(data), fwfile.Options{AllowUnsigned: true})
	if err == nil {
		m := r.Meta()
		meta = hubtest.Metadata{
			UUID: m.UUID, Product: m.Product, Version: m.Version, Platform: m.Platform,
			Architecture: m.Architecture,
		}
	}
	f, err := hub.Firmware().Add(meta, hubtest.Content{
		ReaderAt: bytes.NewReader(data), Size: int64(len(data)),
	})
	require.NoError(t, err)
	return f
}

// A device takes a signed archive, then a delta on top of it, each verified, booted on trial and
// committed.
func TestSignedArchivesOverTheAir(t *testing.T) {
	hub := hubtest.Run(t, hubtest.Config{Mode: hubtest.TLS})
	m, dev := newDisk(t, hub), hub.Device(identity)
	for i, name := range []string{"app-1.1.0", "app-1.2.0-delta-from-1.1.0", "app-1.0.0"} {
		slot := []string{"b", "a", "b"}[i]
		f := upload(t, hub, name)
		m.start()
		m.waitJoined(dev)
		m.until("the running firmware is committed", func(s status) bool { return !s.Pending })
		require.NoError(t, dev.Update().Offer(f))
		m.exits(75, "the machine has to reboot for the update")
		statuses := dev.Update().Statuses()
		require.Equal(t, "completed", statuses[len(statuses)-1], name)
		require.Contains(t, m.run.log.String(), "archive accepted")
		require.Equal(t, slot, m.boot(), name)
	}
	m.start()
	m.wait(dev, "the older one was signed, so it may come back", func(s hubtest.Snapshot) bool {
		return s.Online && s.Running.Version == "1.0.0" && s.Validated != nil && *s.Validated
	})
}

// What is not signed by a key of the device, damaged, or another kind of file ends as a failed
// update with its own reason. The boot record has not changed by a byte, and the slot that runs is
// the same.
func TestArchivesThatAreRefused(t *testing.T) {
	for name, want := range map[string]string{
		"app-1.1.0-otherkey":         "signature",
		"app-1.1.0-unsigned":         "not signed",
		"app-1.1.0-badmeta":          "signature",
		"app-1.1.0-bitflip":          "damaged",
		"app-1.1.0-bitflip-deflate":  "damaged",
		"app-1.1.0-badresource":      "BLAKE2b",
		"app-1.1.0-truncated":        "ends early",
		"app-1.2.0-delta-from-1.1.0": "does not fit",
	} {
		t.Run(name, func(t *testing.T) {
			hub := hubtest.Run(t, hubtest.Config{Mode: hubtest.TLS})
			m, dev := newDisk(t, hub), hub.Device(identity)
			f := upload(t, hub, name)
			m.start()
			m.waitJoined(dev)
			record := func() []byte {
				return golden.Read(t, filepath.Join(m.dir, "disk"))[0x2000:0x4000]
			}
			before := record()
			require.NoError(t, dev.Update().Offer(f))
			m.wait(dev, "it says so", func(s hubtest.Snapshot) bool {
				return len(s.Statuses) > 0 && s.Statuses[len(s.Statuses)-1] == "failed"
			})
			m.until("the reason is in the log", func(status) bool {
				return strings.Contains(m.run.log.String(), want)
			})
			require.True(t, bytes.Equal(before, record()), "no byte of the boot record has changed")
			require.Equal(t, "a", m.status().Slot)
			state := m.record()
			require.Equal(t, "a", state.Next)
			require.Equal(t, "1.0.0", state.Meta["version"])
			require.Nil(t, state.Other)
			m.terminate()
			m.exits(0, "stopped on request")
		})
	}
}

// An image without a signature is refused before a slot is touched.
func TestUnsignedImagesAreRefused(t *testing.T) {
	hub := hubtest.Run(t, hubtest.Config{Mode: hubtest.TLS})
	offer, err := hub.Firmware().Add(next(), hubtest.Generated(7, 1<<20))
	require.NoError(t, err)
	m, dev := newMachine(t, hub, sharedSecret(hub)), hub.Device(identity)
	text, err := os.ReadFile(filepath.Join(m.dir, "device.toml"))
	require.NoError(t, err)
	m.write("device.toml", bytes.ReplaceAll(text, []byte("allow_unsigned = true\n"), nil))
	before := golden.Read(t, m.slots.B)
	m.start()
	m.waitJoined(dev)
	require.NoError(t, dev.Update().Offer(offer))
	m.wait(dev, "it says so", func(s hubtest.Snapshot) bool {
		return len(s.Statuses) > 0 && s.Statuses[len(s.Statuses)-1] == "failed"
	})
	require.True(t, bytes.Equal(before, golden.Read(t, m.slots.B)))
	require.Contains(t, m.run.log.String(), "allow_unsigned")
}
