package machine

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/cmd/sim/internal/archive"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/firmware/slotdev"
)

var desk = Options{
	Identity: "bench-1",
	Size:     1 << 20,
	URL:      "ws://127.0.0.1:4001",
	Key:      "nhp_bench",
	Secret:   "s",
}

// written is the part of the configuration that has to fit the folder.
type written struct {
	Slots struct {
		A, B string
		Env  []slotdev.Location
	}
	Hub struct {
		URL string
		CA  string `toml:"ca_file"`
	}
}

func TestTheConfigurationFitsTheFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "machine")
	o := desk
	o.CA = "/etc/ca.pem"
	path, err := New(dir, o)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode(), "it holds a secret")

	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var w written
	require.NoError(t, toml.Unmarshal(text, &w))
	require.Equal(t, o.URL, w.Hub.URL)
	require.Equal(t, o.CA, w.Hub.CA)
	dev, err := slotdev.Open(slotdev.Config{A: w.Slots.A, B: w.Slots.B, Env: w.Slots.Env})
	require.NoError(t, err)
	state, err := dev.State(t.Context())
	require.NoError(t, err)
	require.Equal(t, "a", state.Active)
	require.Equal(t, Running()["version"], state.Meta["version"])
	require.EqualValues(t, o.Size, state.Capacity)
}

func TestBootFollowsTheRecord(t *testing.T) {
	dir := t.TempDir()
	_, err := Boot(dir)
	require.ErrorContains(t, err, "make one first")
	_, err = New(dir, desk)
	require.NoError(t, err)
	slot, err := Boot(dir)
	require.NoError(t, err)
	require.Equal(t, "a", slot)

	dev, err := slotdev.Open(slots(dir, 0))
	require.NoError(t, err)
	target := firmware.Target{
		UUID: "fw-2",
		Meta: firmware.Metadata{"uuid": "fw-2", "version": "1.1.0"},
		Size: 4,
	}
	staging, err := dev.Begin(t.Context(), target)
	require.NoError(t, err)
	_, err = staging.WriteAt([]byte("boot"), 0)
	require.NoError(t, err)
	require.NoError(t, staging.Finish(t.Context()))
	require.NoError(t, dev.Flip(t.Context(), target))
	slot, err = Boot(dir)
	require.NoError(t, err)
	require.Equal(t, "b", slot)
}

func TestAMachineIsNeverOverwritten(t *testing.T) {
	dir := t.TempDir()
	_, err := New(dir, desk)
	require.NoError(t, err)
	_, err = New(dir, desk)
	require.ErrorIs(t, err, fs.ErrExist)
}

func TestWhatDoesNotFitAConfigurationIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"quote":    func(o *Options) { o.Identity = `a"b` },
		"line end": func(o *Options) { o.Secret = "a\nb" },
		"nothing":  func(o *Options) { o.Key = "" },
		"size":     func(o *Options) { o.Size = 0 },
	} {
		o := desk
		change(&o)
		dir := filepath.Join(t.TempDir(), name)
		_, err := New(dir, o)
		require.Error(t, err, name)
		require.NoDirExists(t, dir)
	}
}

// A machine with a disk gets archives that fit it and that its key has signed.
func TestFirmwareForADisk(t *testing.T) {
	dir := t.TempDir()
	require.ErrorContains(t, Firmware(dir, "1.1.0", 1, io.Discard), "make one with --disk")
	o := desk
	o.Disk = true
	path, err := New(dir, o)
	require.NoError(t, err)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), archive.PublicKey().String())
	require.NotContains(t, string(text), "allow_unsigned")
	_, err = New(dir, o)
	require.ErrorIs(t, err, fs.ErrExist)
	slot, err := Boot(dir)
	require.NoError(t, err)
	require.Equal(t, "a", slot)

	var b bytes.Buffer
	require.NoError(t, Firmware(dir, "1.2.0", 1<<20, &b))
	r, err := fwfile.NewReader(&b, fwfile.Options{Keys: []fwfile.Key{archive.PublicKey()}})
	require.NoError(t, err)
	require.Equal(t, "1.2.0", r.Meta().Version)
	require.ErrorContains(t, Firmware(dir, "1.1.0", 2<<20, io.Discard), "do not fit")
}
