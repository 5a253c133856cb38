package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/cmd/device/internal/config"
	"github.com/hublink-go/hublink/cmd/device/internal/control"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/slotdev"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

func TestMain(m *testing.M) {
	_ = os.Setenv("HTTPS_PROXY", "http://env.example:3128")
	_ = os.Setenv("HTTP_PROXY", "http://env.example:3128")
	_ = os.Setenv("NO_PROXY", "direct.example")
	goleak.VerifyTestMain(m)
}

// newFile is a configuration whose slots are there, with the TOML of more in it.
func newFile(t *testing.T, url, secret string, more ...string) *config.File {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent") // shorter than t.TempDir: a socket lives there
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, slotdev.Create(slotdev.Config{
		A: filepath.Join(dir, "a"), B: filepath.Join(dir, "b"), Size: 1 << 20,
		Env: []slotdev.Location{{Path: filepath.Join(dir, "env"), Size: 0x2000}},
	}, firmware.Metadata{
		"uuid": "fw-1", "product": "product", "version": "1.0.0", "platform": "p",
		"architecture": "a",
	}, nil))
	file, err := config.Parse(fmt.Appendf(nil, `
identity = {value = "gw"}
slots = {a = "%[1]s/a", b = "%[1]s/b", env = [{path = "%[1]s/env", size = 0x2000}]}
firmware = {state_dir = "%[1]s/state"}
control = {socket = "%[1]s/run/s"}
[hub]
url = %[2]q
shared_secret = {key = "nhp_key", secret = %[3]q}
%[4]s`, dir, url, secret, strings.Join(more, "\n")))
	require.NoError(t, err)
	return file
}

func TestRunUntilStopped(t *testing.T) {
	hub := hubtest.Run(t, hubtest.Config{Keys: []hubtest.Key{{Key: "nhp_key", Secret: "s3cr3t"}}})
	file := newFile(t, hub.URL(), "s3cr3t")
	ctx, cancel := context.WithCancel(t.Context())
	var log bytes.Buffer
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, file, "1.2.3", &log) }()

	wait, done := context.WithTimeout(t.Context(), time.Minute)
	defer done()
	require.NoError(t, hub.Device("gw").WaitJoined(wait))
	client, err := control.Dial(wait, file.Control.Socket, "test")
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, Reconnect(wait, client))
	require.NoError(t,
		hub.Device("gw").Wait(wait, func(s hubtest.Snapshot) bool { return s.Joins == 2 }))
	require.NoError(t, Commit(wait, client), "on a committed firmware it does nothing")
	require.Error(t, client.Call(wait, "dance", nil, nil))

	cancel()
	require.NoError(t, <-ended)
	require.NoFileExists(t, file.Control.Socket)
	require.Contains(t, log.String(), `"message":"starting"`)
	require.NotContains(t, log.String(), "s3cr3t")
}

func TestCheckChangesNothing(t *testing.T) {
	file := newFile(t, "ws://localhost:1", "s3cr3t")
	require.NoError(t, Check(t.Context(), file))
	require.NoDirExists(t, file.Firmware.StateDir)
	require.NoDirExists(t, filepath.Dir(file.Control.Socket))
}

func TestAllProblemsAreConfigErrors(t *testing.T) {
	file := newFile(t, "gopher://x", "s3cr3t")
	file.Hub.CAFile = file.Slots.A // no PEM
	require.NoError(t, os.Remove(file.Slots.B))
	require.NoError(t, os.WriteFile(file.Firmware.StateDir, nil, 0o600))
	for name, err := range map[string]error{
		"check": Check(t.Context(), file),
		"run":   Run(t.Context(), file, "1", &bytes.Buffer{}),
	} {
		require.ErrorIs(t, err, ErrConfig, name)
		for _, want := range []string{"gopher", "hub.ca_file", "slots.b", "firmware.state_dir"} {
			require.ErrorContains(t, err, want, name)
		}
		require.NotContains(t, err.Error(), "s3cr3t")
	}
}

// A second agent is no matter of the configuration: the first one may end.
func TestStateDirectoryIsLocked(t *testing.T) {
	file := newFile(t, "ws://localhost:1", "s3cr3t")
	unlock, err := lock(file)
	require.NoError(t, err)
	err = Run(t.Context(), file, "1", &bytes.Buffer{})
	require.ErrorContains(t, err, "another agent runs")
	require.NotErrorIs(t, err, ErrConfig)
	require.NoError(t, unlock())
	unlock, err = lock(file)
	require.NoError(t, err)
	require.NoError(t, unlock())
}

func TestLogLevels(t *testing.T) {
	file := newFile(t, "ws://localhost:1", "s3cr3t", "[log]", `level = "warn"`)
	var out bytes.Buffer
	log := newLog(file, &out)
	require.Nil(t, log.extension)
	require.Equal(t, zerolog.WarnLevel, log.logger.GetLevel(),
		"lines that go nowhere are not formatted")
	log.logger.Info().Msg("quiet")
	log.logger.Warn().Msg("loud")
	require.Equal(t, 1, strings.Count(out.String(), "\n"))
	require.Contains(t, out.String(), `"message":"loud"`)

	file.Extensions.Logging.Enabled, file.Extensions.Logging.Level = true, "debug"
	out.Reset()
	log = newLog(file, &out)
	require.NotNil(t, log.extension)
	require.Equal(t, zerolog.DebugLevel, log.logger.GetLevel(), "the hub wants more")
	log.logger.Debug().Msg("for the hub only")
	require.Empty(t, out.String())

	file.Log.Format = "console"
	log = newLog(file, &out)
	log.logger.Warn().Str("stage", "x").Msg("loud")
	require.Contains(t, out.String(), "WRN loud stage=x")
}

func TestStatusBeforeAnythingIsKnown(t *testing.T) {
	file := newFile(t, "ws://localhost:1", "s3cr3t")
	f, err := inspect(t.Context(), file)
	require.NoError(t, err)
	device, err := actors.New(f.config(file, logs{}, newFeed()))
	require.NoError(t, err)
	s := handle{device, "1.2.3"}.Status()
	require.Equal(t, "disconnected", s.Connection)
	require.Equal(t, "gw", s.Identifier)
	require.Equal(t, "1.2.3", s.Version)
	require.Nil(t, s.Firmware)
	require.False(t, s.PendingValidation, "nothing is known to be pending")
	require.ErrorIs(t, handle{device, ""}.Reconnect(), actors.ErrNotRunning)
}

func TestRebootCommand(t *testing.T) {
	require.Nil(t, rebooter(&config.Reboot{Mode: config.RebootExit}))
	run := rebooter(&config.Reboot{Mode: config.RebootCommand, Command: []string{"true"}})
	require.NoError(t, run(t.Context(), "why"))
	run = rebooter(
		&config.Reboot{
			Mode:    config.RebootCommand,
			Command: []string{"sh", "-c", "echo no permission; exit 3"},
		},
	)
	require.ErrorContains(t, run(t.Context(), "why"),
		"reboot.command sh: exit status 3: no permission")
	run = rebooter(
		&config.Reboot{Mode: config.RebootCommand, Command: []string{"no-such-program-here"}},
	)
	require.Error(t, run(t.Context(), "why"))

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("its deadline has passed"))
	run = rebooter(&config.Reboot{Mode: config.RebootCommand, Command: []string{"sleep", "1000"}})
	require.Error(t, run(ctx, "why"), "a command that hangs is ended")
}

func TestFirstJoinIsToldOnce(t *testing.T) {
	f := newFeed() // no control socket: nothing to tell, nothing to panic about
	f.event(actors.Event{Kind: actors.EventConnectFailed})
	select {
	case <-f.joined:
		t.Fatal("not joined yet")
	default:
	}
	f.event(actors.Event{Kind: actors.EventConnected})
	f.event(actors.Event{Kind: actors.EventConnected})
	<-f.joined
}
