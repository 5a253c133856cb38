package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/slotdev"
	"github.com/hublink-go/hublink/tests/golden"
)

// bootState is what the boot record of a machine says.
func bootState(t testing.TB, dir string) firmware.BootState {
	t.Helper()
	dev, err := slotdev.Open(slotdev.Config{
		Env: []slotdev.Location{{Path: dir + "/disk", Offset: 0x2000, Size: 0x2000}},
	})
	require.NoError(t, err)
	s, err := dev.State(t.Context())
	require.NoError(t, err)
	return s
}

// journal is what the agent finds at its next start.
func journal(t testing.TB, dir string) firmware.Journal {
	t.Helper()
	data, err := actors.FileJournal{Path: dir + "/state/journal"}.Load()
	require.NoError(t, err)
	j, err := firmware.DecodeJournal(data)
	require.NoError(t, err)
	return j
}

func fixture(name string) string { return fixtures + "fw/" + name + ".fw" }

// An archive from a file boots next, with the intent in the journal, and a rollback takes it back.
func TestInstallFile(t *testing.T) {
	dir := makeMachine(t)
	conf := dir + "/device.toml"
	code, out, errOut := device(t, "install", "-c", conf, fixture("app-1.1.0"))
	require.Equal(t, exitReboot, code, errOut)
	require.Equal(t, out,
		"installed; boots next: gofix 1.1.0 (5e2c3c1b-a6d6-5be3-5c75-30a592f0c9b5)\n")
	require.Contains(t, errOut, "100 %")
	s := bootState(t, dir)
	require.Equal(t, "a", s.Active)
	require.Equal(t, "b", s.Next)
	require.Equal(t, "1.1.0", s.Other["version"])
	j := journal(t, dir)
	require.Equal(t, firmware.Flipping, j.State)
	require.Equal(t, s.Other["uuid"], j.UUID)
	require.Equal(t, s.Meta["uuid"], j.From)

	code, out, errOut = device(t, "rollback", "-c", conf)
	require.Equal(t, exitOK, code, errOut)
	require.Contains(t, out, "the running firmware stays: gofix 1.0.0")
	s = bootState(t, dir)
	require.Equal(t, "a", s.Next)
	j = journal(t, dir)
	require.Equal(t, firmware.Reverting, j.State)
	require.Equal(t, "5e2c3c1b-a6d6-5be3-5c75-30a592f0c9b5", j.UUID)

	code, _, errOut = device(t, "rollback", "-c", conf)
	require.Equal(t, exitPolicy, code)
	require.Contains(t, errOut, "no firmware to revert to")

	code, out, errOut = device(t, "history", "-c", conf)
	require.Equal(t, exitOK, code, errOut)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for i, want := range []string{
		`hand    offered +\S+/app-1.1.0.fw$`,
		`hand    accepted +1.1.0 5e2c3c1b-\S+ key d487c87f949a3ed7 task upgrade.b applied natively$`,
		`hand    completed +1.1.0 5e2c3c1b-\S+ 803422 bytes in [0-9.]+m?s$`,
		`hand    rollback +1.0.0 3c0a03fa-\S+ left 5e2c3c1b-`,
	} {
		require.Regexp(t, `^\d{4}-\S+Z  `+want, lines[i])
	}
	require.Len(t, lines, 4)
}

// What is refused has its exit code, and neither the disk nor the journal has changed by a byte.
func TestInstallRefuses(t *testing.T) {
	dir := makeMachine(t)
	before := golden.Read(t, dir+"/disk")
	server := httptest.NewServer(http.FileServer(http.Dir(fixtures + "fw")))
	defer server.Close()
	for name, want := range map[string]int{
		"app-1.0.0":          exitInstalled,
		"edge-base":          exitPolicy, // of another platform
		"ops-1.0.0":          exitPolicy, // no task
		"edge-prefix-bytes":  exitPolicy, // no archive
		"app-1.1.0-otherkey": exitVerification,
		"app-1.1.0-unsigned": exitVerification,
		"app-1.1.0-badmeta":  exitVerification,
	} {
		for _, source := range []string{fixture(name), server.URL + "/" + name + ".fw"} {
			code, out, errOut := device(t, "install", "-c", dir+"/device.toml", source)
			require.Equal(t, want, code, "%s: %s", source, errOut)
			require.Empty(t, out)
		}
		require.True(t, bytes.Equal(before, golden.Read(t, dir+"/disk")), name)
	}
	for _, name := range []string{"bitflip", "badresource", "truncated"} {
		name = "app-1.1.0-" + name
		code, _, errOut := device(t, "install", "-c", dir+"/device.toml", fixture(name))
		require.Equal(t, exitVerification, code, errOut)
		require.True(t, bytes.Equal(before, golden.Read(t, dir+"/disk")), name)
		// What comes over the network is written before its end is known, to the slot that does not run.
		code, _, errOut = device(t, "install", "-c", dir+"/device.toml", server.URL+"/"+name+".fw")
		require.Equal(t, exitVerification, code, errOut)
		require.Equal(t, before[:0x4000], golden.Read(t, dir+"/disk")[:0x4000], "the boot record")
		before = golden.Read(t, dir+"/disk")
	}
	code, _, errOut := device(t, "install", "-c", dir+"/device.toml", server.URL+"/missing.fw")
	require.Equal(t, exitDownload, code, errOut)
	require.NoFileExists(t, dir+"/state/journal")
}

// A download that is cut in the middle goes on where it was, and the disk is the one that the same
// file makes.
func TestInstallURL(t *testing.T) {
	dir, same := makeMachine(t), makeMachine(t)
	data := golden.Read(t, fixture("app-1.1.0"))
	var requests, cut atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 1 {
			w.Header().Set("Content-Length", "803422")
			w.Header().Set("ETag", `"1"`)
			_, _ = w.Write(data[:len(data)/2])
			cut.Add(1)
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("ETag", `"1"`)
		if r.Header.Get("Range") == "" {
			cut.Add(100)
		}
		http.ServeContent(w, r, "f.fw", time.Time{}, bytes.NewReader(data))
	}))
	defer server.Close()
	source := server.URL + "/f.fw?token=s3cr3t"
	code, out, errOut := device(t, "install", "-c", dir+"/device.toml", source)
	require.Equal(t, exitReboot, code, errOut)
	require.Contains(t, out, "boots next: gofix 1.1.0")
	require.Contains(t, errOut, "trying again")
	require.NotContains(t, errOut, "s3cr3t")
	_, out, _ = device(t, "history", "-o", "json", "-c", dir+"/device.toml")
	require.NotContains(t, out, "s3cr3t")
	require.Contains(t, out, `"bytes": 803422`)
	require.EqualValues(t, 1, cut.Load(), "one cut, then a request for a range")
	require.EqualValues(t, 2, requests.Load())
	code, _, errOut = device(t, "install", "-c", same+"/device.toml", fixture("app-1.1.0"))
	require.Equal(t, exitReboot, code, errOut)
	require.True(t, bytes.Equal(golden.Read(t, same+"/disk"), golden.Read(t, dir+"/disk")))
	require.Equal(t, firmware.Flipping, journal(t, dir).State)
}

// --reboot needs a command, which then runs, and a flip that was not booted is no obstacle.
func TestInstallNeeds(t *testing.T) {
	dir := makeMachine(t)
	conf := dir + "/device.toml"
	code, _, errOut := device(t, "install", "-c", conf, "--reboot", fixture("app-1.1.0"))
	require.Equal(t, exitConfig, code)
	require.Contains(t, errOut, "reboot.command")

	text := append(golden.Read(t, conf), "[reboot]\nmode = \"command\"\ncommand = [\"touch\", "+
		"\""+dir+"/rebooted\"]\n"...)
	require.NoError(t, os.WriteFile(conf, text, 0o600))
	code, _, errOut = device(t, "install", "-c", conf, "--reboot", "--task", "upgrade.b",
		fixture("app-1.1.0"))
	require.Equal(t, exitOK, code, errOut)
	require.FileExists(t, filepath.Join(dir, "rebooted"))
	require.Equal(t, "b", bootState(t, dir).Next)

	// The flip that was not booted is taken back, and the slot that runs is not touched.
	code, _, errOut = device(t, "install", "-c", conf, fixture("app-1.2.0"))
	require.Equal(t, exitReboot, code, errOut)
	s := bootState(t, dir)
	require.Equal(t, "a", s.Active)
	require.Equal(t, "1.0.0", s.Meta["version"])
	require.Equal(t, "b", s.Next)
	require.Equal(t, "1.2.0", s.Other["version"])
}
