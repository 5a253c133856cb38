package fleet

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/cmd/sim/internal/report"
)

// command starts this test as the hub's process.
func command(t *testing.T, mode string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), hubFor+"="+mode)
	return cmd
}

func TestFleet(t *testing.T) {
	for _, mode := range []string{"plain", "tls"} {
		t.Run(mode, func(t *testing.T) {
			var out bytes.Buffer
			r, err := Run(t.Context(), Config{
				HubConfig: HubConfig{Devices: 50, TLS: mode == "tls"}, Hub: command(t, mode),
				Ramp: 500, Duration: 1500 * time.Millisecond, Heartbeat: 500 * time.Millisecond, Print: &report.Printer{Out: &out},
			})
			require.NoError(t, err, out.String())
			require.True(t, r.OK)
			require.Equal(t, 50, r.Joined)
			require.Zero(t, r.Errors)
			require.GreaterOrEqual(t, r.HeartbeatsSeen, 100, "two or three were due from each")
			require.LessOrEqual(t, r.GoroutinesPerDevice, 3.0)
			require.Positive(t, r.GoroutinesPerDevice, "who has a socket has a reader")
			require.Positive(t, r.JoinsPerS)
		})
	}
}

func TestHubThatDoesNotStart(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", "echo no luck >&2; exit 3")
	_, err := Run(t.Context(), Config{HubConfig: HubConfig{Devices: 1}, Hub: cmd, Ramp: 1, Duration: time.Millisecond, Heartbeat: time.Second})
	require.ErrorContains(t, err, "no luck")
}

func TestServeHubEndsWithItsInput(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, ServeHub(HubConfig{Devices: 1, TLS: true}, strings.NewReader("stats\nwhat?\n"), &out))
	answers := json.NewDecoder(&out)
	var first hello
	require.NoError(t, answers.Decode(&first))
	require.True(t, strings.HasPrefix(first.URL, "wss://127.0.0.1:"))
	require.NotEmpty(t, first.Root)
	require.NotEmpty(t, first.Secret)
	var stats struct{ Online, Upgrades int }
	require.NoError(t, answers.Decode(&stats))
	require.Zero(t, stats.Online)
	require.ErrorIs(t, answers.Decode(&stats), io.EOF, "one answer to the one question that it knows")
}

func TestSourceAddresses(t *testing.T) {
	require.Nil(t, source(portsPerAddress-1, nil), "as on a device")
	require.NotNil(t, source(portsPerAddress, nil))
}
