package fleet

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestResult(t *testing.T) {
	r := Result{Devices: 2000, Joined: 2000}
	r.pace(4 * time.Second)
	r.cost(usage{resident: 10 << 20, goroutines: 10}, usage{resident: 10<<20 + 2000*30_000, goroutines: 4010})
	r.heartbeats(4001, 25*time.Second, 10*time.Second)
	r.Seconds = 24.5
	r.judge()
	data, err := json.Marshal(r)
	require.NoError(t, err)
	require.JSONEq(t, `{"ok":true,"devices":2000,"joined":2000,"errors":0,"turned_away":0,"joins_per_s":500,"bytes_per_device":30000,
		"goroutines_per_device":2,"heartbeats_seen":4001,"heartbeats_missed":0,"seconds":24.5}`, string(data))

	r.heartbeats(3990, 25*time.Second, 10*time.Second)
	require.Equal(t, 10, r.HeartbeatsMissed, "two were due from each device")
	for name, spoil := range map[string]func(*Result){
		"one has not joined":  func(r *Result) { r.Joined-- },
		"an error":            func(r *Result) { r.Errors++ },
		"a heartbeat missing": func(r *Result) { r.HeartbeatsMissed++ },
		"nobody":              func(r *Result) { r.Devices, r.Joined = 0, 0 },
	} {
		bad := r
		bad.HeartbeatsMissed = 0
		spoil(&bad)
		bad.judge()
		require.False(t, bad.OK, name)
	}
}

func TestTooManyDevices(t *testing.T) {
	err := openFiles(1<<31 - 1)
	var many *TooManyError
	require.ErrorAs(t, err, &many)
	require.ErrorContains(t, err, "take at most")
	require.NoError(t, openFiles(10))
}
