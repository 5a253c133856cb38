package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/tests/output"
)

// The README's way to try the agent on a desk: a hub, a machine in a folder, the agent, and an
// operator with curl.
func TestTheAgentOnADesk(t *testing.T) {
	at := startHub(t, "--tls")
	dir := shortDir(t)
	ca := filepath.Join(dir, "ca.pem")
	require.NoError(t,
		os.WriteFile(ca, []byte(ask(t, http.MethodGet, at.Control+"/ca.pem", "")), 0o600))
	out, err := exec.Command(program(t, "sim"), "machine", "new", dir, "--url", at.URL, "--ca", ca).
		CombinedOutput()
	require.NoError(t, err, string(out))

	m := &machine{t: t, dir: dir}
	t.Cleanup(m.off)
	m.start()
	m.until("it joins", func(s status) bool { return s.Connection == "connected" })
	ask(
		t,
		http.MethodPost,
		fmt.Sprintf(
			"%s/v1/firmware?uuid=fw-2&product=bench&version=1.1.0&platform=folder&architecture=%s&size=3000000",
			at.Control,
			runtime.GOARCH,
		),
		"",
	)
	ask(t, http.MethodPost, at.Control+"/v1/devices/bench-1/update", `{"firmware":"fw-2"}`)
	m.exits(75, "the machine has to reboot")

	out, err = exec.Command(program(t, "sim"), "machine", "boot", dir).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "slot b boots\n", string(out))
	m.start()
	s := m.until("it comes back and commits",
		func(s status) bool { return s.Connection == "connected" && !s.Pending })
	require.Equal(t, "1.1.0", s.Firmware["version"])
	require.Contains(
		t,
		ask(t, http.MethodGet, at.Control+"/v1/devices/bench-1", ""),
		`"statuses":["received","started","completed"]`,
	)
	m.terminate()
}

// The same with signed archives: a machine with a disk, and a firmware that is made for it.
func TestArchivesOnADesk(t *testing.T) {
	at := startHub(t)
	dir := shortDir(t)
	file := filepath.Join(dir, "app.fw")
	for _, args := range [][]string{
		{"machine", "new", dir, "--url", at.URL, "--disk", "--size", "2000000"},
		{"machine", "firmware", dir, file, "--size", "1500000"},
	} {
		out, err := exec.Command(program(t, "sim"), args...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	m := &machine{t: t, dir: dir}
	t.Cleanup(m.off)
	m.start()
	m.until("it joins", func(s status) bool { return s.Connection == "connected" })
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var made struct{ UUID, Version string }
	require.NoError(t, json.Unmarshal(
		[]byte(ask(t, http.MethodPost, at.Control+"/v1/firmware", string(data))), &made))
	require.Equal(t, "1.1.0", made.Version)
	ask(t, http.MethodPost, at.Control+"/v1/devices/bench-1/update", `{"firmware":"`+made.UUID+`"}`)
	m.exits(75, "the machine has to reboot")
	out, err := exec.Command(program(t, "sim"), "machine", "boot", dir).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "slot b boots\n", string(out))
	m.start()
	s := m.until("it comes back and commits",
		func(s status) bool { return s.Connection == "connected" && !s.Pending })
	require.Equal(t, "1.1.0", s.Firmware["version"])
	m.terminate()
}

// hubAddress is what sim hub says of itself.
type hubAddress struct{ URL, Control string }

// startHub runs sim hub on free ports until the test ends.
func startHub(t *testing.T, flags ...string) hubAddress {
	t.Helper()
	cmd := exec.Command(
		program(t, "sim"),
		append(
			[]string{"hub", "--json", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"},
			flags...)...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	log := &output.Text{}
	cmd.Stderr = log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		require.NoError(t, cmd.Wait(), "it ends when it is interrupted: %s", log)
	})
	var at hubAddress
	require.NoError(t, json.NewDecoder(out).Decode(&at), "%s", log)
	return at
}

// ask is an operator's curl.
func ask(t *testing.T, method, url, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	var text bytes.Buffer
	_, err = io.Copy(&text, resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, text.String())
	return text.String()
}
