package machine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/template"

	"github.com/google/renameio/v2"

	"github.com/hublink-go/hublink/cmd/sim/internal/archive"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/fwfile"
	"github.com/hublink-go/hublink/firmware/slotdev"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

const (
	recordSize = 16 << 10 // of one copy of the boot record
	baseSize   = 1 << 20  // of what the slot of a disk runs
)

// Options describe a machine and the hub that it belongs to.
type Options struct {
	Identity string
	Size     int64 // bytes of a slot
	// one disk for signed archives, instead of two slot files that take any image
	Disk   bool
	URL    string
	CA     string // file with the authority of the hub; empty: the system's
	Key    string
	Secret string
}

// Running is the firmware that a new machine has.
func Running() firmware.Metadata {
	return firmware.Metadata{
		"uuid": "00000000-0000-5000-8000-000000010000", "product": "bench", "version": "1.0.0",
		"platform": "folder", "architecture": runtime.GOARCH,
	}
}

// diskOf returns the path of the disk of a machine that has one.
func diskOf(dir string) string { return filepath.Join(dir, "disk.img") }

func slots(dir string, size int64) slotdev.Config {
	if _, err := os.Stat(diskOf(dir)); err == nil {
		return slotdev.Config{Env: archive.Locations(diskOf(dir))}
	}
	env := filepath.Join(dir, "uboot.env")
	return slotdev.Config{
		A: filepath.Join(dir, "slot-a.img"), B: filepath.Join(dir, "slot-b.img"), Size: size,
		Env: []slotdev.Location{
			{Path: env, Size: recordSize},
			{Path: env, Offset: recordSize, Size: recordSize},
		},
	}
}

// New makes a machine in dir, which must not have one, and returns the path of its configuration.
func New(dir string, o Options) (config string, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	for _, text := range []string{dir, o.Identity, o.URL, o.CA, o.Key, o.Secret} {
		if strings.ContainsAny(text, "\"\\\n\r") {
			return "", fmt.Errorf("make a machine: %q: quotes, backslashes and line ends are not possible",
				text)
		}
	}
	if o.Identity == "" || o.URL == "" || o.Key == "" || o.Secret == "" || o.Size < 1 {
		return "", errors.New("make a machine: identity, size, URL, key and secret of the hub are needed")
	}
	if err := os.MkdirAll(filepath.Join(dir, "state"), 0o700); err != nil {
		return "", fmt.Errorf("make a machine: %w", err)
	}
	if o.Disk {
		err = newDisk(dir, o.Size)
	} else {
		err = slotdev.Create(slots(dir, o.Size), Running(), nil)
	}
	if err != nil {
		return "", fmt.Errorf("make a machine in %s: %w", dir, err)
	}
	var text strings.Builder
	if err := configuration().Execute(&text, struct {
		Options
		Dir       string
		Slot      slotdev.Config
		PublicKey fwfile.Key
	}{o, dir, slots(dir, o.Size), archive.PublicKey()}); err != nil {
		return "", fmt.Errorf("make a machine: %w", err)
	}
	config = filepath.Join(dir, "device.toml")
	// it holds the secret
	if err := renameio.WriteFile(config, []byte(text.String()), 0o600); err != nil {
		return "", fmt.Errorf("make a machine: %w", err)
	}
	return config, nil
}

// newDisk makes the disk, which runs what Running says.
func newDisk(dir string, size int64) error {
	for _, path := range []string{diskOf(dir), filepath.Join(dir, "slot-a.img")} {
		if _, err := os.Stat(path); err == nil {
			return fmt.Errorf("%s: %w", path, fs.ErrExist)
		}
	}
	var b bytes.Buffer
	if err := archive.Build(&b, described(Running()), baseSize, archive.SlotBlocks(size)); err != nil {
		return err
	}
	_, err := archive.NewDisk(diskOf(dir),
		hubtest.Content{ReaderAt: bytes.NewReader(b.Bytes()), Size: int64(b.Len())}, true)
	return err
}

func described(m firmware.Metadata) hubtest.Metadata {
	return hubtest.Metadata{
		Product: m["product"], Version: m["version"], Platform: m["platform"],
		Architecture: m["architecture"],
	}
}

// Firmware writes an archive of that version for the machine in dir, which must have a disk.
func Firmware(dir, version string, size int64, w io.Writer) error {
	slot, err := archive.SlotOf(diskOf(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("make a firmware for the machine in %s: it has no disk, make one with --disk",
			dir)
	}
	if err == nil && (size < 1 || archive.SlotBlocks(size) > slot) {
		err = fmt.Errorf("%d bytes do not fit a slot of %d", size, slot*512)
	}
	if err != nil {
		return fmt.Errorf("make a firmware for the machine in %s: %w", dir, err)
	}
	m := described(Running())
	m.Version = version
	return archive.Build(w, m, size, slot)
}

// Boot plays the boot loader of the machine in dir and returns the slot that it boots.
func Boot(dir string) (slot string, err error) {
	cfg := slots(dir, 0) // the disk, if there is one
	if _, err := os.Stat(cfg.Env[0].Path); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("boot the machine in %s: there is none, make one first", dir)
	}
	return slotdev.Boot(cfg)
}

func configuration() *template.Template {
	return template.Must(
		template.New("device.toml").Parse(`# A machine on a desk. See the README for all keys.
[identity]
value = "{{.Identity}}"

[hub]
url = "{{.URL}}"
{{- if .CA}}
ca_file = "{{.CA}}"
{{- end}}
[hub.shared_secret]
key = "{{.Key}}"
secret = "{{.Secret}}"

[slots]
{{- if not .Disk}}
a = "{{.Slot.A}}"
b = "{{.Slot.B}}"
{{- end}}
{{- range .Slot.Env}}
[[slots.env]]
path = "{{.Path}}"
offset = {{.Offset}}
size = {{.Size}}
{{- end}}

[firmware]
state_dir = "{{.Dir}}/state"
{{- if .Disk}}
disk = "{{.Dir}}/disk.img"
public_keys = ["{{.PublicKey}}"] # that of sim machine firmware
{{- else}}
allow_unsigned = true # the bench takes any file for a firmware
{{- end}}

[extensions.logging]
enabled = true

[control]
socket = "{{.Dir}}/agent.sock"
`),
	)
}
