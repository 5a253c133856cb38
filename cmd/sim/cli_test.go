package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sim runs a command line.
func sim(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

func TestWrongArguments(t *testing.T) {
	folder := t.TempDir()
	empty := filepath.Join(folder, "empty.fw")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for _, c := range []struct{ name, args, want string }{
		{"fault", "demo --fault gremlins", `no fault "gremlins"`},
		{"no file", "demo --firmware " + filepath.Join(folder, "none.fw"), "no such file"},
		{"empty file", "demo --firmware " + empty, "is empty"},
		{"folder", "demo --firmware " + folder, "is not a file"},
		{"argument", "demo now", "unknown command"},
		{"key without a file", "demo --public-key " + empty, "go with --firmware"},
		{"no key", "demo --firmware x --public-key " + empty, "--public-key: "},
		{"base of an image", "demo --raw --firmware x --base x", "go with --firmware"},
		{"victim", "chaos --kill hub", `no actor "hub"`},
		{"too few devices", "chaos --times 200 --devices 3", "take at least"},
		{"no devices", "fleet --devices 0", "must be positive"},
		{"late restart", "fleet --hub-restart 20s", "less than --duration"},
		{"restart with TLS", "fleet --hub-restart 5s --tls", "another certificate"},
		{"too many devices", "fleet --devices 2000000000", "take at most"},
		{"a server without a password", "fedecks server --username bob", "FEDECKS_PASSWORD"},
		{"half a pair", "fedecks server --username bob --password pw --tls-cert c.pem", "go together"},
		{
			"short tokens", "fedecks server --username bob --password pw --token-expiry 10ms",
			"--token-expiry",
		},
		{
			"many without a secret", "fedecks server --username bob --password pw --nats-listen 127.0.0.1:0",
			"the same --secret",
		},
		{
			"one of one", "fedecks server --username bob --password pw --node a",
			"--nats-listen or --nats-url",
		},
		{
			"open to all", "fedecks server --username bob --password pw --secret s --nats-listen :6222",
			"set a Secret",
		},
		{
			"odd node",
			"fedecks server --username bob --password pw --secret s --nats-listen 127.0.0.1:0 --node a.b",
			"name of a node",
		},
		{"no address", "fedecks client", "--url is needed"},
		{"not a socket", "fedecks client --url http://h/x", "is not ws or wss"},
		{"login with nothing", "fedecks client --url ws://h/x --login", "--login needs"},
		{
			"long name", "fedecks client --url ws://h/x --device-id " + strings.Repeat("d", 126),
			"--device-id",
		},
		{
			"no authority", "fedecks client --url wss://h/x --token-dir x --ca " + empty,
			"holds no certificate",
		},
		{"no such command", "dance", "unknown command"},
		{"no such flag", "demo --loud", "unknown flag"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, errOut := sim(t, strings.Fields(c.args)...)
			require.Equal(t, exitUsage, code)
			require.Contains(t, errOut, c.want)
			require.Empty(t, out)
		})
	}
}

func TestEmptyFileName(t *testing.T) {
	code, _, errOut := sim(t, "demo", "--firmware", "")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errOut, "--firmware")
}

func TestDemoOfAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.fw")
	require.NoError(t, os.WriteFile(file, []byte("x"), 0o600))
	code, out, errOut := sim(t, "demo", "--raw", "--firmware", file, "--json")
	require.Equal(t, exitOK, code, errOut)
	var r struct {
		OK       bool
		Bytes    int
		Statuses []string
	}
	require.NoError(t, json.Unmarshal([]byte(out), &r), "one object and nothing else")
	require.True(t, r.OK)
	require.Equal(t, 1, r.Bytes)
	require.Equal(t, []string{"received", "started", "completed"}, r.Statuses)

	code, out, _ = sim(t, "demo", "--raw", "--firmware", file, "--fault", "corrupt", "--json")
	require.Equal(t, exitFailure, code)
	require.Contains(t, out, `"ok":false`)
	require.Contains(t, out, `"reason":`)
}

// An archive is taken with the key that signed it, as a literal or a file, and with no other.
func TestDemoOfAnArchive(t *testing.T) {
	const fixtures = "../../tests/testdata/fixtures/fwup/"
	archive := fixtures + "fw/app-1.1.0.fw"
	literal, err := os.ReadFile(fixtures + "keys/key1.pub")
	require.NoError(t, err)
	for _, key := range []string{fixtures + "keys/key1.pub", string(literal)} {
		code, out, errOut := sim(t, "demo", "--firmware", archive, "--public-key", key, "--json")
		require.Equal(t, exitOK, code, errOut)
		require.Contains(t, out, `"slot_before":"a","slot_after":"b"`)
	}
	code, out, _ := sim(t, "demo", "--firmware", archive, "--json")
	require.Equal(t, exitFailure, code)
	require.Contains(t, out, "no public key")
	code, out, _ = sim(t, "demo", "--firmware", fixtures+"fw/app-1.2.0-delta-from-1.1.0.fw",
		"--base", archive, "--public-key", fixtures+"keys/key1.pub", "--json")
	require.Equal(t, exitOK, code)
	require.Contains(t, out, `"from":"1.1.0","to":"1.2.0"`)
}

func TestHelp(t *testing.T) {
	code, out, _ := sim(t, "--help")
	require.Equal(t, exitOK, code)
	require.Contains(t, out, "chaos")
	require.NotContains(t, out, hubCommand)
}
