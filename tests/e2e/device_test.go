package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/hubtest"
)

// The life of a device: it connects, takes an update, boots it on trial, commits it, and stops when
// it is told to.
func TestUpdateOverTheAir(t *testing.T) {
	hub := hubtest.Run(t, hubtest.Config{Mode: hubtest.TLS})
	content := hubtest.Generated(7, 5<<20+123)
	offer, err := hub.Firmware().Add(next(), content)
	require.NoError(t, err)
	m, dev := newMachine(t, hub, sharedSecret(hub)), hub.Device(identity)

	m.start()
	m.waitJoined(dev)
	s := m.until("it knows that it is connected",
		func(s status) bool { return s.Connection == "connected" })
	require.Equal(t, identity, s.Identifier)
	require.Equal(t, "1.0.0", s.Firmware["version"])
	require.Equal(t, "a", s.Slot)
	require.False(t, s.Pending)
	require.Empty(t, s.Problem)
	text, err := m.do("status")
	require.NoError(t, err)
	require.Regexp(t, `(?m)^connection\s+connected$`, text)

	require.NoError(t, dev.Update().Offer(offer))
	m.exits(75, "the machine has to reboot for the update")
	statuses := dev.Update().Statuses()
	require.Equal(t, "completed", statuses[len(statuses)-1], "the hub knows before the reboot")
	require.Equal(t, content.Size, compare(t, m.slots.B, content),
		"the slot holds the firmware, byte by byte")
	log := m.run.log.String()
	for _, secret := range []string{hub.Secret(identity).Secret, "token=", "signature=", offer.URL()} {
		require.NotContains(t, log, secret)
	}

	require.Equal(t, "b", m.boot())
	m.start()
	m.wait(
		dev,
		"it comes back on the new firmware and says that it is committed",
		func(s hubtest.Snapshot) bool {
			return s.Online && s.Running.UUID == "fw-2" && s.Validated != nil && *s.Validated
		},
	)
	s = m.until("the trial ends by itself", func(s status) bool { return !s.Pending })
	require.Equal(t, "b", s.Slot)
	require.Equal(t, "2.0.0", s.Firmware["version"])
	require.True(t, m.record().Validated)

	m.terminate()
	m.exits(0, "stopped on request")
	m.wait(dev, "the hub sees it go", func(s hubtest.Snapshot) bool { return !s.Connected })
	require.NoFileExists(t, filepath.Join(m.dir, "s"), "the control socket is taken away")
	_, err = m.do("status")
	require.ErrorContains(t, err, "no agent answers")
}

// compare counts the bytes at the start of the file that are those of the content.
func compare(t *testing.T, path string, want hubtest.Content) int64 {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	a, b := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := int64(0); at < want.Size; at += int64(len(a)) {
		n := min(int64(len(a)), want.Size-at)
		_, err := f.ReadAt(a[:n], at)
		require.NoError(t, err)
		_, err = want.ReadAt(b[:n], at)
		require.NoError(t, err)
		if !bytes.Equal(a[:n], b[:n]) {
			return at
		}
	}
	return want.Size
}

func TestManualCommit(t *testing.T) {
	hub := hubtest.Run(t, hubtest.Config{Mode: hubtest.TLS})
	offer, err := hub.Firmware().Add(next(), hubtest.Generated(1, 1<<20))
	require.NoError(t, err)
	m, dev := newMachine(t, hub, sharedSecret(hub), `commit = "manual"`), hub.Device(identity)
	m.start()
	m.waitJoined(dev)
	require.NoError(t, dev.Update().Offer(offer))
	m.exits(75, "the machine has to reboot for the update")
	m.boot()

	m.start()
	m.wait(dev, "it joins on trial",
		func(s hubtest.Snapshot) bool { return s.Online && s.Running.UUID == "fw-2" })
	s := m.until("it knows that it is connected",
		func(s status) bool { return s.Connection == "connected" })
	require.True(t, s.Pending, "the trial is not committed")
	out, err := m.do("commit")
	require.NoError(t, err)
	require.Equal(t, "ok\n", out)
	require.False(t, m.status().Pending)
	require.True(t, m.record().Validated, "committed is what is on disk")
	m.wait(dev, "the hub is told",
		func(s hubtest.Snapshot) bool { return s.Validated != nil && *s.Validated })
}

func TestFirmwareThatCannotReachTheHubGoesBack(t *testing.T) {
	hub := hubtest.Run(t, hubtest.Config{Mode: hubtest.TLS})
	offer, err := hub.Firmware().Add(next(), hubtest.Generated(1, 1<<20))
	require.NoError(t, err)
	m, dev := newMachine(t, hub, sharedSecret(hub), `commit_deadline = "1s"`), hub.Device(identity)
	m.start()
	m.waitJoined(dev)
	require.NoError(t, dev.Update().Offer(offer))
	m.exits(75, "the machine has to reboot for the update")
	require.Equal(t, "b", m.boot())

	hub.Door().PlatformDown(true)
	m.start()
	m.exits(75, "the trial is over: the machine has to go back")
	require.Equal(t, "a", m.boot())

	hub.Door().PlatformDown(false)
	m.start()
	m.wait(
		dev,
		"the old firmware works, and the hub learns what happened",
		func(s hubtest.Snapshot) bool {
			return s.Online && s.Running.UUID == "fw-1" && s.Reverted
		},
	)
}

// kill -9 in the middle of a download costs at most a part of it.
func TestDownloadSurvivesKill(t *testing.T) {
	hub := hubtest.Run(t, hubtest.Config{Mode: hubtest.TLS})
	content := hubtest.Generated(3, 12<<20)
	offer, err := hub.Firmware().Add(next(), content)
	require.NoError(t, err)
	offer.Inject(hubtest.Slow(4 << 20))
	m, dev := newMachine(t, hub, sharedSecret(hub)), hub.Device(identity)
	m.start()
	m.waitJoined(dev)
	require.NoError(t, dev.Update().Offer(offer))
	m.until("half of it has arrived", func(s status) bool {
		percent, _ := s.Update["percent"].(float64)
		return percent >= 50
	})
	m.off()

	offer.Heal()
	m.start()
	m.exits(75, "the update goes on by itself and completes")
	require.Equal(t, content.Size, compare(t, m.slots.B, content))
	requests := offer.Requests()
	last := requests[len(requests)-1]
	require.Equal(t, http.StatusPartialContent, last.Status)
	require.Less(t, last.Sent, int64(8<<20), "what was on disk is not downloaded again")
}

func TestRebootCommand(t *testing.T) {
	hub := hubtest.Run(t, hubtest.Config{Mode: hubtest.TLS})
	offer, err := hub.Firmware().Add(next(), hubtest.Generated(1, 1<<20))
	require.NoError(t, err)
	m, dev := newMachine(
		t,
		hub,
		sharedSecret(hub),
		"[reboot]",
		`mode = "command"`,
		`command = ["touch", "rebooting"]`,
	), hub.Device(identity)
	m.start()
	m.waitJoined(dev)
	require.NoError(t, dev.Update().Offer(offer))
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(m.dir, "rebooting"))
		return err == nil
	}, patience, patience/6000, "the command was run")
	require.Equal(t, "b", m.record().Next)
	m.terminate()
	m.exits(0, "the agent waits for the machine to go down, which tells it to stop")
}

func TestClientCertificate(t *testing.T) {
	ca := newAuthority(t)
	hub := hubtest.Run(t, hubtest.Config{Mode: hubtest.TLS, Certificates: ca.accepted()})
	m := newMachine(t, hub, "[hub.certificate]\ncert_file = \"cert.pem\"\nkey_file = \"key.pem\"\n")
	ca.issue(m, identity)
	m.start()
	m.waitJoined(hub.Device(identity))

	// A renewed certificate is used at the next dial. This one has another name, which shows.
	ca.issue(m, "gateway-renamed")
	_, err := m.do("reconnect")
	require.NoError(t, err)
	m.waitJoined(hub.Device("gateway-renamed"))
}

func TestWrongSecretIsExplained(t *testing.T) {
	hub := hubtest.Run(t, hubtest.Config{Mode: hubtest.TLS})
	m := newMachine(t, hub,
		fmt.Sprintf("[hub.shared_secret]\nkey = %q\nsecret = \"wr0ng\"\n", hub.Secret(identity).Key))
	m.start()
	s := m.until("it says what is wrong", func(s status) bool { return s.Problem != "" })
	require.Contains(t, s.Problem, "401")
	require.NotEqual(t, "connected", s.Connection)
	require.NotContains(t, m.run.log.String(), "wr0ng")
	m.terminate()
	m.exits(0, "stopped on request, connected or not")
}

func TestOneAgentPerMachine(t *testing.T) {
	hub := hubtest.Run(t, hubtest.Config{Mode: hubtest.TLS})
	m, dev := newMachine(t, hub, sharedSecret(hub)), hub.Device(identity)
	first := m.start()
	m.waitJoined(dev)
	m.start()
	m.exits(1, "another agent runs")
	require.Contains(t, m.run.log.String(), "another agent runs")
	m.run = first
	require.Equal(t, "connected", m.status().Connection, "the first one is not disturbed")
	require.Equal(t, 1, dev.Net().Sockets())
}

func TestExtensions(t *testing.T) {
	hub := hubtest.Run(t, hubtest.Config{Mode: hubtest.TLS})
	m, dev := newMachine(
		t,
		hub,
		sharedSecret(hub),
		"[extensions.logging]",
		"enabled = true",
		`level = "debug"`,
		"[log]",
		`level = "error"`,
	), hub.Device(identity)
	m.start()
	m.waitJoined(dev)
	m.wait(dev, "health and logging are attached", func(s hubtest.Snapshot) bool {
		return slices.Contains(s.Attached, "health") && slices.Contains(s.Attached, "logging")
	})
	s := m.until("it knows", func(s status) bool { return len(s.Extensions) == 2 })
	require.Equal(t, []string{"health", "logging"}, s.Extensions)
	require.NoError(t, dev.Extensions().CheckHealth())
	require.Eventually(t, func() bool {
		x := dev.Extensions()
		return x.Report("health:report").Count > 0 && x.Report("logging:send").Count > 0
	}, patience, patience/6000)
	require.Empty(t, strings.TrimSpace(m.run.log.String()),
		"the machine's own log keeps its own level")
}
