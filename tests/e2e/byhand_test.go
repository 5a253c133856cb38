package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/protocol/hubtest"
	"github.com/hublink-go/hublink/tests/golden"
)

// device runs a command of the device that ends by itself.
func (m *machine) device(code int, args ...string) string {
	m.t.Helper()
	args = append(args, "-c", filepath.Join(m.dir, "device.toml"))
	out, err := exec.CommandContext(m.t.Context(), program(m.t, "device"), args...).CombinedOutput()
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		require.NoError(m.t, err)
	}
	require.Equal(m.t, code, got, "%s", out)
	return string(out)
}

// A firmware is installed by hand from a server that cuts the download, boots on trial, and is
// committed when the agent has joined. The next one comes from a file and is rolled back. The hub
// hears of each, and while an agent runs nothing is installed.
func TestByHand(t *testing.T) {
	hub := hubtest.Run(t, hubtest.Config{Mode: hubtest.TLS})
	m, dev := newDisk(t, hub), hub.Device(identity)
	data := golden.Read(t, fixtures+"fw/app-1.1.0.fw")
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		if requests.Add(1) == 1 {
			_, _ = w.Write(data[:len(data)/2])
			panic(http.ErrAbortHandler)
		}
		http.ServeContent(w, r, "app.fw", time.Time{}, bytes.NewReader(data))
	}))
	defer server.Close()
	require.Contains(t, m.device(75, "install", server.URL+"/app.fw"), "boots next: gofix 1.1.0")
	require.Equal(t, "b", m.boot())
	require.False(t, m.record().Validated, "on trial")
	m.start()
	m.wait(dev, "the trial is committed", func(s hubtest.Snapshot) bool {
		return s.Online && s.Running.Version == "1.1.0" && s.Validated != nil && *s.Validated
	})
	require.Contains(t, m.device(1, "install", fixtures+"fw/app-1.2.0.fw"), "another agent runs")
	m.terminate()
	m.exits(0, "stopped on request")

	m.device(10, "install", fixtures+"fw/app-1.1.0.fw")
	require.Contains(t, m.device(75, "install", fixtures+"fw/app-1.2.0.fw"), "boots next: gofix 1.2.0")
	require.Equal(t, "a", m.boot())
	m.start()
	m.wait(dev, "the trial is committed", func(s hubtest.Snapshot) bool {
		return s.Online && s.Running.Version == "1.2.0" && s.Validated != nil && *s.Validated
	})
	require.Eventually(t, func() bool {
		return strings.Count(m.device(0, "history"), "committed  ") == 2
	}, patience, 20*time.Millisecond)
	require.NoError(t, m.run.cmd.Process.Kill()) // kill -9: what is in the history stays
	<-m.run.done

	require.Contains(t, m.device(75, "rollback"), "boots next: gofix 1.1.0")
	require.Equal(t, "b", m.boot())
	m.start()
	m.wait(dev, "it runs the previous one", func(s hubtest.Snapshot) bool {
		return s.Online && s.Running.Version == "1.1.0"
	})
	m.until("it is committed", func(s status) bool { return !s.Pending && s.Slot == "b" })
	text, err := actors.FileJournal{Path: filepath.Join(m.dir, "state/journal")}.Load()
	require.NoError(t, err)
	journal, err := firmware.DecodeJournal(text)
	require.NoError(t, err)
	require.Equal(t, []string{"1172165c-6a8f-5e86-28a5-bda190c9f9c3"}, journal.Reverted,
		"a deployment does not bring 1.2.0 back")
	m.terminate()
	m.exits(0, "stopped on request")

	var events []struct{ By, What, Version string }
	require.NoError(t, json.Unmarshal([]byte(m.device(0, "history", "-o", "json")), &events))
	var got []string
	for _, e := range events {
		got = append(got, strings.TrimSpace(e.By+" "+e.What+" "+e.Version))
	}
	require.Subset(t, got, []string{
		"hand accepted 1.1.0", "hand completed 1.1.0", "device boot 1.1.0", "device committed",
		"hand refused 1.1.0", "hand completed 1.2.0", "device boot 1.2.0", "hand rollback 1.1.0",
		"device reverted",
	})
}

// An installation that is killed in the middle has changed no byte of the boot record, leaves no
// lock and a history that can be read, and the next one is complete.
func TestInstallSurvivesKill(t *testing.T) {
	hub := hubtest.Run(t, hubtest.Config{Mode: hubtest.TLS})
	m := newDisk(t, hub)
	data := golden.Read(t, fixtures+"fw/app-1.1.0.fw")
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(data[:len(data)/2])
		w.(http.Flusher).Flush() //nolint:forcetypeassert // of net/http
		<-ctx.Done()
	}))
	defer server.Close()
	defer cancel()
	disk := filepath.Join(m.dir, "disk")
	before := golden.Read(t, disk)[:0x4000]
	cmd := exec.Command(program(t, "device"), "install", "-c",
		filepath.Join(m.dir, "device.toml"), server.URL)
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool {
		return strings.Contains(m.device(0, "history"), "accepted")
	}, patience, 20*time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.Equal(t, before, golden.Read(t, disk)[:0x4000])
	require.Equal(t, 2, strings.Count(m.device(0, "history"), "\n"), "offered and accepted")

	m.device(75, "install", fixtures+"fw/app-1.1.0.fw")
	require.Equal(t, "b", m.boot())
	require.Equal(t, "1.1.0", m.record().Meta["version"])
}
