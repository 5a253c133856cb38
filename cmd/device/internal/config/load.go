package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pelletier/go-toml/v2"
)

// maxFile bounds what is read: a larger file is not a configuration.
const maxFile = 1 << 20

// Load reads and checks the file at path.
func Load(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration %s: %w", path, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("read the configuration %s: it is larger than %d bytes", path, maxFile)
	}
	c, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("configuration %s:\n%w", path, err)
	}
	return c, nil
}

// Parse reads and checks a configuration. The error lists every problem, one a line.
func Parse(data []byte) (*File, error) {
	var c File
	dec := toml.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	err := dec.Decode(&c)
	var unknown *toml.StrictMissingError
	var errs []error
	switch {
	case errors.As(err, &unknown):
		for _, e := range unknown.Errors {
			row, _ := e.Position()
			errs = append(errs,
				fmt.Errorf("line %d: unknown key %s: see the README for the keys", row, key(e.Key())))
		}
	case err != nil:
		return nil, parseError(err)
	}
	c.setDefaults()
	if err := errors.Join(append(errs, c.check()...)...); err != nil {
		return nil, err
	}
	return &c, nil
}

// parseError names the place without showing the line, which may hold a secret.
func parseError(err error) error {
	var d *toml.DecodeError
	if errors.As(err, &d) {
		row, col := d.Position()
		if k := key(d.Key()); k != "" {
			return fmt.Errorf("line %d, column %d: %s: %s", row, col, k, d.Error())
		}
		return fmt.Errorf("line %d, column %d: %s", row, col, d.Error())
	}
	return err
}

func key(k toml.Key) string {
	out := ""
	for i, part := range k {
		if i > 0 {
			out += "."
		}
		out += part
	}
	return out
}

func (c *File) setDefaults() {
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	set(&c.Firmware.StateDir, "/var/lib/hublink")
	set(&c.Firmware.Commit, CommitJoined)
	set(&c.Firmware.Format, FormatAuto)
	set(&c.Firmware.Applier, ApplierAuto)
	set(&c.Policy.Downgrade, DowngradeSigned)
	set(&c.Reboot.Mode, RebootExit)
	set(&c.Extensions.Health.Disk, "/")
	set(&c.Extensions.Logging.Level, "info")
	set(&c.Control.Socket, "/run/hublink/agent.sock")
	set(&c.Control.Mode, "0660")
	set(&c.Log.Level, "info")
}
