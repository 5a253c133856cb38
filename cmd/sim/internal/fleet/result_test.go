package fleet

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol/hubtest"
)

func TestResult(t *testing.T) {
	r := Result{Devices: 2000, Joined: 2000, Memory: Memory{SocketBytes: 6000, HubBytes: 5000}}
	r.pace(2000, 200, 4*time.Second)
	r.cost(usage{resident: 10 << 20, goroutines: 10},
		usage{resident: 10<<20 + 2000*30_000, goroutines: 4010})
	r.heartbeats(4001, 25*time.Second, 10*time.Second)
	r.Seconds = 24.5
	r.judge()
	data, err := json.Marshal(r)
	require.NoError(t, err)
	require.JSONEq(
		t,
		`{"ok":true,"devices":2000,"joined":2000,"errors":0,"turned_away":0,"joins_per_s":500,
		"dials_per_device":1.1,"bytes_per_device":30000,"socket_bytes_per_device":6000,
		"socket_percent":20,"hub_bytes_per_device":5000,
		"goroutines_per_device":2,"heartbeats_seen":4001,"heartbeats_missed":0,"seconds":24.5}`,
		string(data),
	)

	r.heartbeats(3990, 25*time.Second, 10*time.Second)
	require.Equal(t, 10, r.HeartbeatsMissed, "two were due from each device")
	for name, spoil := range map[string]func(*Result){
		"one has not joined":  func(r *Result) { r.Joined-- },
		"an error":            func(r *Result) { r.Errors++ },
		"a heartbeat missing": func(r *Result) { r.HeartbeatsMissed++ },
		"not back in time": func(r *Result) {
			r.Restart = &Restart{
				JoinedAgain:  2000,
				JoinedAgainS: 30.1,
			}
		},
		"not all are back": func(r *Result) {
			r.Restart = &Restart{
				JoinedAgain:  1999,
				JoinedAgainS: 12,
			}
		},
		"no devices": func(r *Result) { r.Devices, r.Joined = 0, 0 },
	} {
		bad := r
		bad.HeartbeatsMissed = 0
		spoil(&bad)
		bad.judge()
		require.False(t, bad.OK, name)
	}
}

func TestResultOfRestart(t *testing.T) {
	s := &Restart{
		DownS:        2,
		SocketsLost:  2000,
		DialsRefused: 410,
		JoinedAgain:  2000,
		JoinedAgainS: 13.5,
	}
	s.storm(2000, answer{Stats: hubtest.Stats{Upgrades: 2000, Refused: 20}, Busiest: 250})
	data, err := json.Marshal(s)
	require.NoError(t, err)
	require.JSONEq(
		t,
		`{"down_s":2,"sockets_lost":2000,"dials_refused":410,"upgrade_requests":2020,"upgrade_requests_per_device":1.01,
		"busiest_second":250,"busiest_second_percent":12.5,"joined_again":2000,"joined_again_s":13.5}`,
		string(data),
	)
	r := Result{Devices: 2000, Joined: 2000, Restart: s}
	r.judge()
	require.True(t, r.OK, "what a restart costs is no error")
}

func TestTooManyDevices(t *testing.T) {
	err := openFiles(1<<31 - 1)
	var many *TooManyError
	require.ErrorAs(t, err, &many)
	require.ErrorContains(t, err, "take at most")
	require.NoError(t, openFiles(10))
}
