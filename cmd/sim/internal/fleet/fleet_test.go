package fleet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/cmd/sim/internal/report"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
)

// command starts this test as the hub's process.
func command(t *testing.T, mode string) func(listen string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return func(listen string) *exec.Cmd {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), hubFor+"="+mode, hubListen+"="+listen)
		return cmd
	}
}

func TestFleet(t *testing.T) {
	for _, mode := range []string{"plain", "tls"} {
		t.Run(mode, func(t *testing.T) {
			var out bytes.Buffer
			r, err := Run(t.Context(), Config{
				HubConfig: HubConfig{Devices: 50, TLS: mode == "tls"}, Hub: command(t, mode),
				Ramp: 500, Duration: 2500 * time.Millisecond, Heartbeat: time.Second,
				Print: &report.Printer{Out: &out},
			})
			require.NoError(t, err, "%s%+v", out.String(), r)
			require.True(t, r.OK)
			require.Equal(t, 50, r.Joined)
			require.Zero(t, r.Errors)
			require.GreaterOrEqual(t, r.HeartbeatsSeen, 100, "two or three were due from each")
			require.LessOrEqual(t, r.GoroutinesPerDevice, 3.0)
			require.Positive(t, r.GoroutinesPerDevice, "who has a socket has a reader")
			require.Positive(t, r.JoinsPerS)
			require.Equal(t, 1.0, r.DialsPerDevice)
			require.Positive(t, r.HubBytes)
			require.Nil(t, r.Restart)
		})
	}
}

func TestHubRestart(t *testing.T) {
	var out bytes.Buffer
	r, err := Run(t.Context(), Config{
		HubConfig: HubConfig{Devices: 50}, Hub: command(t, "plain"), HubRestart: time.Second,
		Ramp: 500, Duration: 3 * time.Second, Heartbeat: time.Second, Print: &report.Printer{Out: &out},
	})
	require.NoError(t, err, "%s%+v", out.String(), r)
	require.True(t, r.OK)
	require.Zero(t, r.Errors, "what the restart did is no error")
	require.Equal(t, 50, r.Joined)
	s := r.Restart
	require.Equal(t, 50, s.SocketsLost)
	require.Equal(t, 50, s.JoinedAgain)
	require.Equal(t, 50, s.UpgradeRequests, "one each")
	require.GreaterOrEqual(t, s.DownS, 2.0)
	require.Greater(t, s.JoinedAgainS, s.DownS)
	require.Less(t, s.BusiestSecond, 50, "not all at once")
	require.Positive(t, s.BusiestSecond)
	require.GreaterOrEqual(t, r.HeartbeatsSeen, 150, "before and after")
}

func TestOutage(t *testing.T) {
	restarts := &transport.CloseError{Code: protocol.CloseServiceRestart, Received: true}
	refused := fmt.Errorf("dial: %w", syscall.ECONNREFUSED)
	require.False(t, dialFailed(restarts), "a socket that is lost is no dial that has failed")
	require.True(
		t,
		dialFailed(
			fmt.Errorf("dial: %w",
				&transport.PhaseError{Phase: transport.PhaseConnect, Err: syscall.ECONNREFUSED}),
		),
	)
	require.True(t, dialFailed(&transport.RefusedError{Status: 503}))
	var o outage
	require.False(t, o.took(restarts), "the hub was not restarted")
	require.False(t, o.failed(refused))
	o.begun.Store(true)
	require.True(t, o.took(restarts))
	require.True(t, o.took(io.ErrUnexpectedEOF), "a hub that goes may go without a word")
	require.True(t, o.failed(refused))
	require.True(t, o.failed(io.ErrUnexpectedEOF))
	o.over.Store(true)
	require.True(t, o.took(restarts), "heard late")
	require.True(t, o.failed(refused), "heard late")
	require.False(t, o.took(io.ErrUnexpectedEOF), "the hub is back")
	require.False(t, o.failed(io.ErrUnexpectedEOF))
	require.EqualValues(t, 3, o.lost.Load())
	require.EqualValues(t, 3, o.refused.Load())
}

func TestHubThatDoesNotStart(t *testing.T) {
	cmd := func(string) *exec.Cmd { return exec.Command("/bin/sh", "-c", "echo no luck >&2; exit 3") }
	_, err := Run(
		t.Context(),
		Config{
			HubConfig: HubConfig{Devices: 1},
			Hub:       cmd,
			Ramp:      1,
			Duration:  time.Millisecond,
			Heartbeat: time.Second,
		},
	)
	require.ErrorContains(t, err, "no luck")
}

func TestServeHubEndsWithItsInput(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t,
		ServeHub(HubConfig{Devices: 1, TLS: true}, strings.NewReader("stats\nwhat?\n"), &out))
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
