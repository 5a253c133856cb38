package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// good is the smallest configuration.
const good = `
[identity]
value = "gateway-0042"
[hub]
url = "wss://devices.example.com"
[hub.shared_secret]
key = "nhp_k"
secret = "s3cr3t"
[slots]
a = "/dev/a"
b = "/dev/b"
[[slots.env]]
path = "/dev/env"
offset = 0x2000
size = 0x2000
`

func TestSmallestConfiguration(t *testing.T) {
	c, err := Parse([]byte(good))
	require.NoError(t, err)
	require.Equal(t, Location{Path: "/dev/env", Offset: 0x2000, Size: 0x2000}, c.Slots.Env[0])
	// What is not said has the defaults that the README shows.
	require.Equal(t, "/var/lib/hublink", c.Firmware.StateDir)
	require.Equal(t, CommitJoined, c.Firmware.Commit)
	require.Equal(t, RebootExit, c.Reboot.Mode)
	require.Equal(t, "/", c.Extensions.Health.Disk)
	require.False(t, c.Extensions.Health.Disabled)
	require.False(t, c.Extensions.Logging.Enabled)
	require.Equal(t, "/run/hublink/agent.sock", c.Control.Socket)
	require.Equal(t, "0660", c.Control.Mode)
	require.Equal(t, "info", c.Log.Level)
	require.Equal(t, DowngradeSigned, c.Policy.Downgrade)
	require.Equal(t, FormatAuto, c.Firmware.Format)
	require.False(t, c.Firmware.AllowUnsigned)
	require.False(t, c.Policy.AllowUnverified)
}

// The configuration in the README has to be one: people copy it.
func TestTheREADMEsConfiguration(t *testing.T) {
	readme, err := os.ReadFile("../../../../README.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(readme), "```toml\n")
	require.True(t, ok, "the README has no TOML block")
	text, _, _ := strings.Cut(rest, "```")
	c, err := Parse([]byte(text))
	require.NoError(t, err)

	require.Equal(t, 15*time.Minute, c.Firmware.CommitDeadline.D())
	require.Equal(t, time.Minute, c.Firmware.Stall.D())
	c.Firmware.CommitDeadline, c.Firmware.Stall = 0, 0 // the device's own defaults
	d, err := Parse([]byte(good))
	require.NoError(t, err)
	d.Identity, d.Hub, d.Slots = c.Identity, c.Hub, c.Slots
	require.Equal(t, d, c, "apart from what is required, the README shows the defaults")

	var lines []string
	for _, line := range strings.Split(text, "\n") { // what is commented out has to be known too
		line = strings.TrimPrefix(line, "# ")
		if !strings.HasPrefix(line, "value =") {
			lines = append(lines, line)
		}
	}
	_, err = Parse([]byte(strings.Join(lines, "\n")))
	require.ErrorContains(t, err, "exactly one of identity.value")
	require.NotContains(t, err.Error(), "unknown key")
}

// with is the good configuration with texts replaced.
func with(changes ...string) string {
	text := good
	for i := 0; i < len(changes); i += 2 {
		text = strings.Replace(text, changes[i], changes[i+1], 1)
	}
	return text
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	for _, c := range []struct {
		text string
		want string // the whole error
	}{
		{
			with(`value = "gateway-0042"`, ""),
			"identity: give exactly one of identity.value, identity.file and identity.command; 0 are given",
		},
		{
			with(`value = "gateway-0042"`, "value = \"x\"\nfile = \"y\""),
			"identity: give exactly one of identity.value, identity.file and identity.command; 2 are given",
		},
		{
			with(`url = "wss://devices.example.com"`, ""),
			"hub.url is missing: give the host, host:port or URL of the hub's device endpoint",
		},
		{
			with(`[hub.shared_secret]`, "", `key = "nhp_k"`, "", `secret = "s3cr3t"`, ""),
			"hub has no credentials: give [hub.shared_secret] or [hub.certificate]",
		},
		{
			with(`[hub]`, "[hub]\nserializer = \"bson\""),
			`hub.serializer = "bson": allowed are json, msgpack`,
		},
		{
			with(`[hub.shared_secret]`, "proxy = \"socks4://u:s3cr3t@proxy\"\n[hub.shared_secret]"),
			`hub.proxy: the proxy's URL has the scheme "socks4": give http, https or socks5`,
		},
		{
			with(`[hub.shared_secret]`, "proxy = \"http://u:s3cr3t@[\"\n[hub.shared_secret]"),
			`hub.proxy: it is no URL: give http://host:port, https://host:port, socks5://host:port or "none"`,
		},
		{
			with(`key = "nhp_k"`, ""),
			"hub.shared_secret.key is missing: the hub shows it, it begins with nhp_ or nhd_",
		},
		{
			with(`secret = "s3cr3t"`, "secret = \"s3cr3t\"\nsecret_file = \"x\""),
			"hub.shared_secret: give exactly one of secret and secret_file",
		},
		{
			good + "[hub.certificate]\ncert_file = \"x\"",
			"hub.certificate: give both cert_file and key_file, the paths of PEM files",
		},
		{
			with(`b = "/dev/b"`, ""),
			"slots.a and slots.b: give the paths of the two slots, files or block devices",
		},
		{
			with(`b = "/dev/b"`, `b = "/dev/a"`),
			"slots.a and slots.b are the same: an update would overwrite the running firmware",
		},
		{
			with(`b = "/dev/b"`, "b = \"/dev/b\"\nsize = -1"),
			"slots.size = -1: bytes, not negative",
		},
		{
			with(`[[slots.env]]`, "", `path = "/dev/env"`, "", `offset = 0x2000`, "", "size = 0x2000\n", ""),
			"slots.env: give one or two copies of the boot record, each with path, offset and size; 0 are given",
		},
		{
			with(`size = 0x2000`, `size = 12`),
			"slots.env[0]: a path, an offset that is not negative, and a size of 64 to 1048576 bytes",
		},
		{
			good + "[firmware]\ncommit = \"later\"",
			`firmware.commit = "later": allowed are joined, manual`,
		},
		{
			good + "[firmware]\nstall_timeout = \"-1s\"",
			"firmware.commit_deadline, firmware.stall_timeout and hub.heartbeat: a positive duration like 90s or 15m",
		},
		{
			good + "[reboot]\nmode = \"never\"",
			`reboot.mode = "never": allowed are exit, command`,
		},
		{
			good + "[reboot]\nmode = \"command\"",
			`reboot.command is missing: give program and arguments, like ["/sbin/reboot"]`,
		},
		{
			good + "[log]\nlevel = \"loud\"\nformat = \"xml\"",
			"log.level = \"loud\": allowed are trace, debug, info, warn, error\n" +
				`log.format = "xml": allowed are json, console`,
		},
		{
			good + "[extensions.logging]\nlevel = \"loud\"",
			`extensions.logging.level = "loud": allowed are trace, debug, info, warn, error`,
		},
		{
			good + "[control]\nmode = \"9\"",
			`control.mode = "9": an octal file mode like 0660`,
		},
		{
			with(`url = "wss`, "uri = 1\nurl = \"wss"),
			"line 5: unknown key hub.uri: see the README for the keys",
		},
		{
			good + "[extensions.geo]\nenabled = true",
			"line 16: unknown key extensions.geo: see the README for the keys",
		},
	} {
		_, err := Parse([]byte(c.text))
		require.EqualError(t, err, c.want)
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := Parse([]byte("[hub]\nurk = 1\n[log]\nlevel = \"loud\"\n"))
	require.Error(t, err)
	for _, want := range []string{
		"hub.urk", "identity:", "hub.url", "credentials", "slots.a",
		"slots.env", "log.level",
	} {
		require.ErrorContains(t, err, want)
	}
}

// A line that cannot be parsed may be the one with the secret.
func TestParseErrorsShowNoLines(t *testing.T) {
	for name, text := range map[string]string{
		"no end of string": with(`secret = "s3cr3t"`, `secret = "s3cr3t`),
		"no quotes":        with(`secret = "s3cr3t"`, `secret = s3cr3t`),
		"twice":            with(`secret = "s3cr3t"`, "secret = \"s3cr3t\"\nsecret = \"s3cr3t\""),
		"wrong type":       with(`secret = "s3cr3t"`, `secret = ["s3cr3t"]`),
		"wrong escape":     with(`secret = "s3cr3t"`, `secret = "\q s3cr3t"`),
		"bad duration":     good + "[firmware]\nstall_timeout = \"s3cr3t\"",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(text))
			require.ErrorContains(t, err, "line ")
			require.NotContains(t, err.Error(), "s3cr3t")
		})
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	c, err := Parse([]byte(good))
	require.NoError(t, err)
	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).
		Info("x", "secret", c.Hub.Secret.Secret, "hub", c.Hub.Secret)
	asJSON, err := json.Marshal(c)
	require.NoError(t, err)
	for _, printed := range []string{
		fmt.Sprintf("%v %+v %#v %s %q %x", c.Hub.Secret, c.Hub.Secret, c.Hub.Secret, c.Hub.Secret,
			c.Hub.Secret, c.Hub.Secret),
		fmt.Sprintf("%v %+v %#v", *c, *c, *c),
		logged.String(), string(asJSON),
	} {
		require.NotContains(t, printed, "s3cr3t")
		require.NotContains(t, printed, "733363723374") // in hex
	}
	secret, err := c.Hub.Secret.Read()
	require.NoError(t, err)
	require.Equal(t, "s3cr3t", secret)
}

func TestSecretFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	s := SharedSecret{SecretFile: path}
	_, err := s.Read()
	require.ErrorContains(t, err, path)
	require.NoError(t, os.WriteFile(path, []byte(" \n"), 0o600))
	_, err = s.Read()
	require.ErrorContains(t, err, "is empty")
	require.NoError(t, os.WriteFile(path, []byte("s3cr3t\n"), 0o600))
	secret, err := s.Read()
	require.NoError(t, err)
	require.Equal(t, "s3cr3t", secret)
}

func TestIdentity(t *testing.T) {
	path := filepath.Join(t.TempDir(), "id")
	require.NoError(t, os.WriteFile(path, []byte("  gw-1 \nsecond line\n"), 0o600))
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for _, c := range []struct {
		identity Identity
		want     string
		problem  string
	}{
		{identity: Identity{Value: "gw-0"}, want: "gw-0"},
		{identity: Identity{File: path}, want: "gw-1"},
		{identity: Identity{Command: []string{"echo", "gw-2"}}, want: "gw-2"},
		{identity: Identity{File: empty}, problem: "it is empty"},
		{identity: Identity{File: path + "x"}, problem: "identity.file"},
		{
			identity: Identity{Command: []string{"false"}},
			problem:  "identity.command false: exit status 1",
		},
		{identity: Identity{Value: strings.Repeat("x", 300)}, problem: "300 bytes, allowed are 255"},
	} {
		got, err := c.identity.Resolve(t.Context())
		require.Equal(t, c.want, got)
		if c.problem != "" {
			require.ErrorContains(t, err, c.problem)
		} else {
			require.NoError(t, err)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "device.toml")
	_, err := Load(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, path)

	require.NoError(t, os.WriteFile(path, []byte(good), 0o600))
	c, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, "gateway-0042", c.Identity.Value)

	require.NoError(t, os.WriteFile(path, []byte(good+"[log]\nlevel = \"loud\""), 0o600))
	_, err = Load(path)
	require.ErrorContains(t, err, path)

	require.NoError(t, os.WriteFile(path, []byte("#"+strings.Repeat("x", maxFile)), 0o600))
	_, err = Load(path)
	require.ErrorContains(t, err, "larger than")
	_, err = Load(dir)
	require.ErrorContains(t, err, dir)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("[slots]\nenv = [{path = 1}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data)
		if (c == nil) == (err == nil) {
			t.Fatalf("a configuration or an error, not %v and %v", c, err)
		}
	})
}
