package e2e

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/slotdev"
	"github.com/hublink-go/hublink/protocol/hubtest"
	"github.com/hublink-go/hublink/tests/output"
)

// patience is how long anything may take before the test gives up.
const patience = 60 * time.Second

const identity = "gateway-0042"

// machine is a computer with two slots on which the agent runs.
type machine struct {
	t     *testing.T
	dir   string
	slots slotdev.Config
	run   *process // the latest one
}

// process is one run of the agent.
type process struct {
	cmd  *exec.Cmd
	log  *output.Text
	done chan struct{} // closed when it has ended
}

// running is what a new machine runs.
func running() firmware.Metadata {
	return firmware.Metadata{
		"uuid":         "fw-1",
		"product":      "product",
		"version":      "1.0.0",
		"platform":     "bench",
		"architecture": "any",
	}
}

// next is the description of the firmware that the hub offers.
func next() hubtest.Metadata {
	return hubtest.Metadata{
		UUID:         "fw-2",
		Product:      "product",
		Version:      "2.0.0",
		Platform:     "bench",
		Architecture: "any",
	}
}

// newMachine makes a machine for the hub, with the TOML of more in its configuration.
func newMachine(t *testing.T, hub *hubtest.Hub, credentials string, more ...string) *machine {
	t.Helper()
	dir := shortDir(t)
	m := &machine{t: t, dir: dir, slots: slotdev.Config{
		A: filepath.Join(dir, "a"), B: filepath.Join(dir, "b"), Size: 16 << 20,
		Env: []slotdev.Location{
			{Path: filepath.Join(dir, "env"), Size: 0x2000},
			{Path: filepath.Join(dir, "env"), Offset: 0x2000, Size: 0x2000},
		},
	}}
	require.NoError(t, slotdev.Create(m.slots, running(), strings.NewReader("the factory's firmware")))
	m.write("ca.pem", authority(t, hub))
	m.write("device.toml", fmt.Appendf(nil, `
[identity]
value = %[1]q
[hub]
url = %[2]q
ca_file = "%[3]s/ca.pem"
%[4]s
[slots]
a = "%[3]s/a"
b = "%[3]s/b"
env = [{path = "%[3]s/env", size = 0x2000}, {path = "%[3]s/env", offset = 0x2000, size = 0x2000}]
[control]
socket = "%[3]s/s"
%[5]s
`, identity, hub.URL(), dir, credentials, strings.Join(append([]string{fmt.Sprintf("[firmware]\nallow_unsigned = true\nstate_dir = \"%s/state\"", dir)}, more...), "\n")))
	t.Cleanup(m.off)
	return m
}

// shortDir is t.TempDir with a path that is short enough for a socket, whatever the test's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "e2e")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (m *machine) write(name string, data []byte) {
	m.t.Helper()
	require.NoError(m.t, os.WriteFile(filepath.Join(m.dir, name), data, 0o600))
}

// sharedSecret is the part of a configuration with the hub's first key.
func sharedSecret(hub *hubtest.Hub) string {
	s := hub.Secret(identity)
	return fmt.Sprintf("[hub.shared_secret]\nkey = %q\nsecret = %q\n", s.Key, s.Secret)
}

// authority is what to trust the hub by: its own certificate, for its authority is not to be had.
func authority(t *testing.T, hub *hubtest.Hub) []byte {
	t.Helper()
	u, err := url.Parse(hub.URL())
	require.NoError(t, err)
	d := tls.Dialer{Config: &tls.Config{RootCAs: hub.RootCAs(), MinVersion: tls.VersionTLS12}}
	conn, err := d.DialContext(t.Context(), "tcp", u.Host)
	require.NoError(t, err)
	defer conn.Close()
	cert := conn.(*tls.Conn).ConnectionState().PeerCertificates[0] //nolint:forcetypeassert // tls.Dialer says so
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}

// start runs the agent.
func (m *machine) start() *process {
	m.t.Helper()
	p := &process{log: &output.Text{}, done: make(chan struct{})}
	p.cmd = exec.Command(program(m.t, "device"), "run", "-c", filepath.Join(m.dir, "device.toml"))
	p.cmd.Stderr, p.cmd.Stdout, p.cmd.Dir = p.log, p.log, m.dir
	require.NoError(m.t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // the code is looked at below
		close(p.done)
	}()
	m.run = p
	return p
}

// off pulls the plug.
func (m *machine) off() {
	if m.run == nil {
		return
	}
	_ = m.run.cmd.Process.Kill()
	<-m.run.done
	if m.t.Failed() {
		m.t.Logf("the log of the last run:\n%s", m.run.log)
	}
}

// boot is the boot loader's turn.
func (m *machine) boot() (slot string) {
	m.t.Helper()
	slot, err := slotdev.Boot(m.slots)
	require.NoError(m.t, err)
	return slot
}

// record is what the boot record says.
func (m *machine) record() firmware.BootState {
	m.t.Helper()
	dev, err := slotdev.Open(m.slots)
	require.NoError(m.t, err)
	state, err := dev.State(m.t.Context())
	require.NoError(m.t, err)
	return state
}

// terminate asks the agent to stop.
func (m *machine) terminate() {
	m.t.Helper()
	require.NoError(m.t, m.run.cmd.Process.Signal(syscall.SIGTERM))
}

// exits waits for the end of the agent and checks its code.
func (m *machine) exits(code int, why string) {
	m.t.Helper()
	select {
	case <-m.run.done:
	case <-time.After(patience):
		m.t.Fatalf("the agent still runs: %s\n%s", why, m.run.log)
	}
	require.Equal(m.t, code, m.run.cmd.ProcessState.ExitCode(), "%s\n%s", why, m.run.log)
}

// do runs another command of the agent's.
func (m *machine) do(args ...string) (string, error) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, program(m.t, "device"),
		append(args, "-c", filepath.Join(m.dir, "device.toml"))...).
		Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return string(out), err
}

// status is `device status -o json`.
type status struct {
	Connection string            `json:"connection"`
	Identifier string            `json:"identifier"`
	Firmware   map[string]string `json:"firmware"`
	Update     map[string]any    `json:"update"`
	Pending    bool              `json:"pending_validation"`
	Slot       string            `json:"slot"`
	Problem    string            `json:"problem"`
	Extensions []string          `json:"extensions"`
}

func (m *machine) status() status {
	m.t.Helper()
	s, err := m.ask()
	require.NoError(m.t, err)
	return s
}

func (m *machine) ask() (s status, err error) {
	m.t.Helper()
	out, err := m.do("status", "-o", "json")
	if err == nil {
		require.NoError(m.t, json.Unmarshal([]byte(out), &s), out)
	}
	return s, err
}

// until asks for the status until it is as wanted: what the hub sees, the device may learn a moment
// later, and an agent that has just been started does not answer yet.
func (m *machine) until(why string, wanted func(status) bool) status {
	m.t.Helper()
	for end := time.Now().Add(patience); ; {
		s, err := m.ask()
		if err == nil && wanted(s) {
			return s
		}
		if time.Now().After(end) {
			m.t.Fatalf("%s: the status stays %+v, %v\n%s", why, s, err, m.run.log)
		}
	}
}

// wait waits for what the hub sees of the device.
func (m *machine) wait(d *hubtest.Device, why string, cond func(hubtest.Snapshot) bool) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), patience)
	defer cancel()
	if err := d.Wait(ctx, cond); err != nil {
		m.t.Fatalf("%s: %v; the hub sees %+v\n%s", why, err, d.Snapshot(), m.run.log)
	}
}

func (m *machine) waitJoined(d *hubtest.Device) {
	m.t.Helper()
	m.wait(d, "the device joins", func(s hubtest.Snapshot) bool { return s.Online })
}
