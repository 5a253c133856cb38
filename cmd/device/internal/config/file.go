package config

import (
	"errors"
	"log/slog"
	"time"
)

// DefaultPath is where the configuration is looked for.
const DefaultPath = "/etc/hublink/device.toml"

// File is the configuration file. The comments are the documentation of its keys; zero values are
// the defaults.
type File struct {
	Identity   Identity   `toml:"identity"`
	Hub        Hub        `toml:"hub"`
	Firmware   Firmware   `toml:"firmware"`
	Slots      Slots      `toml:"slots"`
	Policy     Policy     `toml:"policy"`
	Reboot     Reboot     `toml:"reboot"`
	Extensions Extensions `toml:"extensions"`
	Control    Control    `toml:"control"`
	Log        Log        `toml:"log"`
}

// Identity is the device identifier on the hub: exactly one of the three.
type Identity struct {
	Value string `toml:"value"`
	File  string `toml:"file"` // its first line
	// the first line of its output; program and arguments, no shell; at most 10 s
	Command []string `toml:"command"`
}

// Hub is where and how to connect.
type Hub struct {
	URL    string `toml:"url"`     // host, host:port or URL
	CAFile string `toml:"ca_file"` // PEM; empty: the system's CAs
	// in the hub's certificate; empty: the host of url
	ServerName string `toml:"server_name"`
	// accept any certificate: for a bench, never in the field
	InsecureSkipVerify bool     `toml:"insecure_skip_verify"`
	Heartbeat          Duration `toml:"heartbeat"`     // empty: 30s
	Serializer         string   `toml:"serializer"`    // "json" (default) or "msgpack"
	Compress           *bool    `toml:"compress"`      // empty: true
	Fallbacks          []string `toml:"fallback_urls"` // tried in turn when a dial fails
	// http, https or socks5 URL, "none"; empty: what the environment says
	Proxy Secret `toml:"proxy"`
	// before the first dial, a minute at most; empty: true
	WaitForNetwork *bool         `toml:"wait_for_network"`
	Secret         *SharedSecret `toml:"shared_secret"`
	Certificate    *Certificate  `toml:"certificate"`
}

// SharedSecret signs the connection: the key as the hub shows it, and the secret literally or in a
// file.
type SharedSecret struct {
	Key        string `toml:"key"`
	Secret     Secret `toml:"secret"`
	SecretFile string `toml:"secret_file"`
}

// Certificate is the client certificate, in PEM files that are read again at every dial.
type Certificate struct {
	CertFile string `toml:"cert_file"`
	KeyFile  string `toml:"key_file"`
}

// Firmware is what the update path needs besides the slots.
type Firmware struct {
	StateDir       string   `toml:"state_dir"`       // empty: /var/lib/hublink
	Commit         string   `toml:"commit"`          // "joined" (default) or "manual"
	CommitDeadline Duration `toml:"commit_deadline"` // of a trial; empty: 15m
	Stall          Duration `toml:"stall_timeout"`   // of a download; empty: 60s
	// describes the running firmware where the boot record does not
	Metadata map[string]string `toml:"metadata"`

	Format string `toml:"format"` // which files are taken: "auto" (default), "fw" or "raw"
	// where archives are applied: the whole disk, a block device or a file
	Disk string `toml:"disk"`
	// who may sign archives: base64, files as fwup -g writes them, or folders with *.pub
	PublicKeys    []string `toml:"public_keys"`
	AllowUnsigned bool     `toml:"allow_unsigned"` // take unsigned archives and images: for a bench
	Applier       string   `toml:"applier"`        // "auto" (default), "native", "fwup" or "slots"
	Task          string   `toml:"task"`           // of archives; empty: upgrade
	Fwup          string   `toml:"fwup"`           // the program; empty: by PATH
	FwupOptions   []string `toml:"fwup_options"`   // more arguments for it
}

// Slots is the A/B pair and the boot record.
type Slots struct {
	A    string     `toml:"a"`    // file or block device
	B    string     `toml:"b"`    // file or block device
	Size int64      `toml:"size"` // bytes; for plain files that are not there yet. 0: what is there
	Env  []Location `toml:"env"`  // one or two copies of the U-Boot environment
}

// Location is one copy of the boot record.
type Location struct {
	Path   string `toml:"path"`
	Offset int64  `toml:"offset"`
	Size   int64  `toml:"size"`
}

// Policy is which offers the agent refuses without asking.
type Policy struct {
	// which firmware may be older than the running one: "signed" (default), "never" or "always"
	Downgrade       string `toml:"downgrade"`
	MinimumVersion  string `toml:"minimum_version"`  // no older one is taken; empty: any
	AllowUnverified bool   `toml:"allow_unverified"` // take offers of old hubs that carry no checksum
}

// Reboot is how the machine restarts after an update.
type Reboot struct {
	// "exit" (default): end with code 75, the init system restarts; or "command"
	Mode    string   `toml:"mode"`
	Command []string `toml:"command"` // program and arguments, no shell
}

// Extensions is which extensions are offered to the hub.
type Extensions struct {
	Health  Health  `toml:"health"`
	Logging Logging `toml:"logging"`
}

// Health reports CPU, memory and disk.
type Health struct {
	Disabled bool              `toml:"disabled"`
	Disk     string            `toml:"disk"` // a path on the file system to report; empty: /
	Metadata map[string]string `toml:"metadata"`
}

// Logging sends the agent's own log lines to the hub.
type Logging struct {
	Enabled bool   `toml:"enabled"`
	Level   string `toml:"level"` // lowest level sent; empty: info
}

// Control is the local socket for status, commit and reconnect.
type Control struct {
	Socket   string `toml:"socket"` // empty: /run/hublink/agent.sock
	Mode     string `toml:"mode"`   // octal; empty: 0660
	Group    string `toml:"group"`  // of the socket; empty: the agent's
	Disabled bool   `toml:"disabled"`
}

// Log is the agent's own log, on standard error.
type Log struct {
	Level  string `toml:"level"`  // trace, debug, info (default), warn, error
	Format string `toml:"format"` // "json", "console"; empty: console on a terminal, else json
}

// Secret is text that is never printed.
type Secret string

// String hides the secret.
func (Secret) String() string { return "[hidden]" }

// GoString hides the secret.
func (Secret) GoString() string { return "[hidden]" }

// LogValue hides the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue("[hidden]") }

// MarshalText hides the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte("[hidden]"), nil }

// Duration is written like 30s or 15m.
type Duration time.Duration

// UnmarshalText reads a duration.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return errors.New("not a duration like 90s or 15m")
	}
	*d = Duration(v)
	return nil
}

// D returns the duration.
func (d Duration) D() time.Duration { return time.Duration(d) }
