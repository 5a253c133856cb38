package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/template"

	"github.com/google/renameio/v2"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/slotdev"
)

const recordSize = 16 << 10 // of one copy of the boot record

// Options describe a machine and the hub that it belongs to.
type Options struct {
	Identity string
	Size     int64 // bytes of a slot
	URL      string
	CA       string // file with the authority of the hub; empty: the system's
	Key      string
	Secret   string
}

// Running is the firmware that a new machine has.
func Running() firmware.Metadata {
	return firmware.Metadata{
		"uuid": "00000000-0000-5000-8000-000000010000", "product": "bench", "version": "1.0.0",
		"platform": "folder", "architecture": runtime.GOARCH,
	}
}

func slots(dir string, size int64) slotdev.Config {
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
	if err := slotdev.Create(slots(dir, o.Size), Running(), nil); err != nil {
		return "", fmt.Errorf("make a machine in %s: %w", dir, err)
	}
	var text strings.Builder
	if err := configuration().Execute(&text, struct {
		Options
		Dir        string
		RecordSize int
	}{o, dir, recordSize}); err != nil {
		return "", fmt.Errorf("make a machine: %w", err)
	}
	config = filepath.Join(dir, "device.toml")
	// it holds the secret
	if err := renameio.WriteFile(config, []byte(text.String()), 0o600); err != nil {
		return "", fmt.Errorf("make a machine: %w", err)
	}
	return config, nil
}

// Boot plays the boot loader of the machine in dir and returns the slot that it boots.
func Boot(dir string) (slot string, err error) {
	cfg := slots(dir, 0)
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
a = "{{.Dir}}/slot-a.img"
b = "{{.Dir}}/slot-b.img"
[[slots.env]]
path = "{{.Dir}}/uboot.env"
offset = 0
size = {{.RecordSize}}
[[slots.env]]
path = "{{.Dir}}/uboot.env"
offset = {{.RecordSize}}
size = {{.RecordSize}}

[firmware]
state_dir = "{{.Dir}}/state"
allow_unsigned = true # the bench takes any file for a firmware

[extensions.logging]
enabled = true

[control]
socket = "{{.Dir}}/agent.sock"
`),
	)
}
