package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/cmd/sim/internal/report"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

const size = 2<<20 + 12_345

// play runs a demo with a small firmware in a folder that has to be empty afterwards.
func play(t *testing.T, f Fault) (*scene, string, error) {
	t.Helper()
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	content := hubtest.Generated(7, size)
	var out bytes.Buffer
	s := newScene(
		Options{Raw: true, Firmware: &content, Fault: f, Print: &report.Printer{Out: &out}})
	err := s.run(t.Context())
	left, readErr := os.ReadDir(folder)
	require.NoError(t, readErr)
	require.Empty(t, left, "files were left behind")
	require.Equal(t, err == nil, s.result.OK)
	return s, out.String(), err
}

func TestPlain(t *testing.T) {
	s, out, err := play(t, None)
	require.NoError(t, err)
	r := s.result
	require.Positive(t, r.Seconds)
	require.Positive(t, r.MBPerS)
	r.Seconds, r.MBPerS = 0, 0
	require.Equal(t, Result{
		OK: true, From: "1.0.0", To: "1.1.0", SlotBefore: "a", SlotAfter: "b",
		Statuses: []string{"received", "started", "completed"}, Validated: true, Bytes: size,
	}, r)
	for _, want := range []string{
		"─ link", "connection", "channel/device", "health", "update", "downloading 100 %",
		"firmware_validated", "completed",
	} {
		require.Contains(t, out, want)
	}
	require.Less(t, strings.Index(out, "received"), strings.Index(out, "completed"),
		"the messages are in order")
	require.NotContains(t, out, "Signature", "addresses are signed")
}

// The file is bad: the device keeps what it runs.
func TestFileFaults(t *testing.T) {
	for f, reason := range map[Fault]string{
		Corrupt: "corrupt", Truncated: "the hub announced",
		Oversized: "longer than",
	} {
		t.Run(string(f), func(t *testing.T) {
			s, _, err := play(t, f)
			r := s.result
			require.Error(t, err)
			require.Equal(t, []string{"received", "started", "failed"}, slices.Compact(r.Statuses),
				"the hub sees each try that was answered")
			require.Contains(t, r.Reason, reason)
			require.Equal(t, "a", r.SlotBefore)
			require.Equal(t, "a", r.SlotAfter)
			require.True(t, r.Validated, "the old firmware stays committed")
			require.Zero(t, r.SocketDrops)
			requests := map[Fault]int{Corrupt: 1, Truncated: 2, Oversized: 1}
			require.Len(t, s.fw.Requests(), requests[f],
				"a file that ends early may have been cut on the way: one more try")
		})
	}
}

// The network is bad: the download goes on where it stopped.
func TestNetworkFaults(t *testing.T) {
	for f, starts := range map[Fault]int{Cut: 3, Stall: 2} {
		t.Run(string(f), func(t *testing.T) {
			s, _, err := play(t, f)
			require.NoError(t, err)
			r := s.result
			want := append([]string{"received"}, make([]string, starts)...)
			for i := range starts {
				want[1+i] = "started"
			}
			require.Equal(t, append(want, "completed"), r.Statuses)
			require.Equal(t, "b", r.SlotAfter)
			require.EqualValues(t, size, r.Bytes, "no byte was downloaded twice")
			require.Zero(t, r.SocketDrops)
		})
	}
}

func TestCancelledDemoLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	ctx, cancel := context.WithCancel(t.Context())
	content := hubtest.Content{ReaderAt: cancelling{cancel}, Size: size}
	r, err := Run(ctx, Options{Raw: true, Firmware: &content})
	require.Error(t, err)
	require.False(t, r.OK)
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Empty(t, left)
}

// cancelling ends the demo while the hub reads the file.
type cancelling struct{ cancel context.CancelFunc }

func (c cancelling) ReadAt(p []byte, _ int64) (int, error) {
	c.cancel()
	return len(p), nil
}

func TestParseFault(t *testing.T) {
	for _, name := range append([]string{""}, faults...) {
		f, err := ParseFault(name)
		require.NoError(t, err)
		require.EqualValues(t, name, f)
	}
	_, err := ParseFault("gremlins")
	require.ErrorContains(t, err, "corrupt, truncated, oversized, cut, stall")
}

func TestResultJSON(t *testing.T) {
	r := Result{
		OK:         true,
		From:       "1.0.0",
		To:         "1.1.0",
		SlotBefore: "a",
		SlotAfter:  "b",
		Statuses:   []string{"received"},
		Validated:  true,
	}
	r.rate(64<<20, 2)
	data, err := json.Marshal(r)
	require.NoError(t, err)
	require.Equal(
		t,
		`{"ok":true,"from":"1.0.0","to":"1.1.0","slot_before":"a","slot_after":"b","statuses":["received"],"validated":true,`+
			`"socket_drops":0,"bytes":67108864,"seconds":2,"mb_per_s":33.554}`,
		string(data),
	)
}

func TestTranscriptHidesPayloads(t *testing.T) {
	start := time.Now()
	entry := func(d hubtest.Direction, topic, event, payload string) hubtest.Entry {
		start = start.Add(time.Millisecond)
		return hubtest.Entry{
			At:        start,
			Direction: d,
			Message:   protocol.Message{Topic: topic, Event: event, Payload: []byte(payload)},
		}
	}
	got := strings.Join(transcript([]hubtest.Entry{
		entry(hubtest.Inbound, "device", "phx_join", `{"nerves_fw_version":"1.0.0","secret":"s3cret"}`),
		entry(hubtest.Outbound, "device", "phx_reply", `{"status":"ok","response":{}}`),
		entry(
			hubtest.Outbound,
			"device",
			"update",
			`{"firmware_url":"https://x/?Signature=s3cret","firmware_meta":{"version":"1.1.0"}}`,
		),
		entry(hubtest.Inbound, "device", "fwup_progress", `{"stage":"downloading","value":1}`),
		entry(hubtest.Inbound, "device", "fwup_progress", `{"stage":"downloading","value":50}`),
		entry(hubtest.Inbound, "device", "fwup_progress", `{"stage":"updating","value":100}`),
		entry(hubtest.Inbound, "device", "status_update", `{"status":"failed","reason":"no room"}`),
		entry(hubtest.Inbound, "device", "status_update", `not JSON`),
	}), "\n")
	require.NotContains(t, got, "s3cret")
	for _, want := range []string{
		"phx_join                 1.0.0", "update                   1.1.0",
		"failed: no room",
	} {
		require.Contains(t, got, want)
	}
	require.Contains(t, got, "downloading 1 to updating 100, 3 messages")
	require.Equal(t, 6, strings.Count(got, "\n")+1)
	require.Empty(t, transcript(nil))
}
