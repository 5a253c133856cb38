package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/hubtest"
	"github.com/hublink-go/hublink/tests/needs"
)

// phoenix is the official client in a process of its own.
type phoenix struct {
	t     *testing.T
	in    io.WriteCloser
	lines *bufio.Scanner
}

func startPhoenix(t *testing.T, hub *hubtest.Hub, id string) *phoenix {
	t.Helper()
	signed, err := hub.Secret(id).Sign(time.Now())
	require.NoError(t, err)
	headers := map[string]string{}
	for _, h := range signed {
		headers[h.Name] = h.Value
	}
	text, err := json.Marshal(headers)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(),
		patience) // the test's own ends before its cleanups
	cmd := exec.CommandContext(ctx, "node", "testdata/phoenix.mjs", hub.URL()+"/device-socket",
		string(text))
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	log := &strings.Builder{}
	cmd.Stderr = log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the client: %v\n%s", err, log)
		}
		cancel()
	})
	return &phoenix{t: t, in: in, lines: bufio.NewScanner(out)}
}

func (p *phoenix) do(format string, args ...any) {
	p.t.Helper()
	_, err := fmt.Fprintf(p.in, format+"\n", args...)
	require.NoError(p.t, err)
}

// says waits until the client has said a line.
func (p *phoenix) says(want string) {
	p.t.Helper()
	var heard []string
	for p.lines.Scan() {
		if p.lines.Text() == want {
			return
		}
		heard = append(heard, p.lines.Text())
	}
	p.t.Fatalf("the client never says %q but\n%s", want, strings.Join(heard, "\n"))
}

// The official client connects, joins, pushes, leaves, joins again, and comes back from a crash of
// its channel and a lost socket.
func TestTheOfficialPhoenixClient(t *testing.T) {
	for _, program := range []string{
		"node", "testdata/node_modules/phoenix",
		"testdata/node_modules/ws",
	} {
		needs.Program(t, program, "the hub against the official Phoenix client")
	}
	hub := hubtest.Run(t, hubtest.Config{Record: 1000})
	seen := hub.Device("js-1")
	soon, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p := startPhoenix(t, hub, "js-1")
	p.says("open")
	p.says("device joined {}")
	require.NoError(t, seen.Identify())
	p.says("device identify")
	p.do("push device")
	require.NoError(t, seen.Update().WaitStatus(soon, "received"))

	p.do(`join extensions {"health":"0.0.1"}`)
	p.says(`extensions joined ["health"]`)
	p.do("leave extensions")
	p.says("extensions left")
	p.do(`join extensions {"geo":"0.0.1"}`)
	p.says(`extensions joined ["geo"]`)
	p.do("join nowhere")
	p.says(`nowhere refused {"reason":"unmatched topic"}`)

	require.NoError(t, seen.Channel("device").Crash())
	p.says(`device error {"reason":"channel_crash"}`)
	require.NoError(t,
		seen.Wait(soon, func(s hubtest.Snapshot) bool { return s.Joins == 2 && s.Online }))
	require.Equal(t, 1, seen.Net().Sockets(), "on the same socket")
	require.NoError(t, seen.Net().Drop())
	p.says("open")
	require.NoError(t,
		seen.Wait(soon, func(s hubtest.Snapshot) bool { return s.Joins == 3 && s.Online }))
	require.Equal(t, 2, seen.Net().Sockets())
	talk := seen.Converse(t)
	talk.ExpectLater("heartbeats come and are answered, or the client would connect again",
		hubtest.Heartbeat())
	require.Equal(t, 2, seen.Net().Sockets())
}
