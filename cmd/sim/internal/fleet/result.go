package fleet

import (
	"math"
	"time"
)

// Result is what was measured. Its JSON is the last line of `sim fleet --json`.
type Result struct {
	OK      bool `json:"ok"` // all have joined and stayed, without an error
	Devices int  `json:"devices"`
	Joined  int  `json:"joined"` // at the end
	// failed dials, lost sockets, crashes, frames that could not be read
	Errors int `json:"errors"`
	// dials that a hub with a limit has cut, and that were tried again
	TurnedAway     int     `json:"turned_away"`
	JoinsPerS      float64 `json:"joins_per_s"`      // from the first dial to the last join
	DialsPerDevice float64 `json:"dials_per_device"` // until all have joined for the first time
	Memory
	GoroutinesPerDevice float64 `json:"goroutines_per_device"`
	HeartbeatsSeen      int     `json:"heartbeats_seen"`   // by the hub, after the last join
	HeartbeatsMissed    int     `json:"heartbeats_missed"` // of those that were due
	// from the first dial to the end of the measurement
	Seconds float64 `json:"seconds"`

	Restart *Restart `json:"restart,omitempty"` // of the hub; nil: it did not restart
}

// Memory is what a device takes, in bytes.
type Memory struct {
	BytesPerDevice int64 `json:"bytes_per_device"` // resident memory
	// of these, what a bare socket costs with its reader; 0: not measured
	SocketBytes   int64   `json:"socket_bytes_per_device"`
	SocketPercent float64 `json:"socket_percent"`
	HubBytes      int64   `json:"hub_bytes_per_device"` // heap and stacks of the hub's process
}

// Restart is what came of a restart of the hub. Nothing of it is an error, but a device that does
// not come back in time.
type Restart struct {
	DownS             float64 `json:"down_s"`           // from the first close to the hub that is back
	SocketsLost       int     `json:"sockets_lost"`     // closed by the restart
	DialsRefused      int     `json:"dials_refused"`    // by the port, while there was no hub
	UpgradeRequests   int     `json:"upgrade_requests"` // that the hub has seen since it is back
	RequestsPerDevice float64 `json:"upgrade_requests_per_device"`
	// most upgrade requests within a second, wherever it begins
	BusiestSecond  int     `json:"busiest_second"`
	BusiestPercent float64 `json:"busiest_second_percent"`
	JoinedAgain    int     `json:"joined_again"`
	JoinedAgainS   float64 `json:"joined_again_s"` // from the first close to the last join
}

// backWithin is how long the devices may take to come back after a restart.
const backWithin = 30 * time.Second

// storm sets what the hub has seen after the restart.
func (r *Restart) storm(devices int, seen answer) {
	r.UpgradeRequests, r.BusiestSecond = requests(seen.Stats), seen.Busiest
	r.RequestsPerDevice = round(float64(r.UpgradeRequests) / float64(devices))
	r.BusiestPercent = round(100 * float64(r.BusiestSecond) / float64(devices))
}

func (r *Restart) ok(devices int) bool {
	return r == nil || r.JoinedAgain == devices && r.JoinedAgainS <= backWithin.Seconds()
}

// usage is what the process uses at one moment.
type usage struct {
	resident   int64
	goroutines int
}

// cost sets what a device costs: the difference, shared out.
func (r *Result) cost(without, with usage) {
	n := max(1, r.Devices)
	r.BytesPerDevice = max(0, with.resident-without.resident) / int64(n)
	r.GoroutinesPerDevice = round(float64(with.goroutines-without.goroutines) / float64(n))
	if r.BytesPerDevice > 0 {
		r.SocketPercent = round(100 * float64(r.SocketBytes) / float64(r.BytesPerDevice))
	}
}

// pace sets the speed of the joins and how many dials they took.
func (r *Result) pace(joined, cut int, took time.Duration) {
	if took > 0 {
		r.JoinsPerS = round(float64(joined) / took.Seconds())
	}
	r.DialsPerDevice = round(float64(joined+cut) / float64(max(1, r.Devices)))
}

// heartbeats compares what the hub has seen in a time with what was due. The times of a run add up.
func (r *Result) heartbeats(seen int, steady, every time.Duration) {
	r.HeartbeatsSeen += seen
	r.HeartbeatsMissed += max(0, r.Devices*int(steady/every)-seen)
}

// judge sets OK.
func (r *Result) judge() {
	r.OK = r.Devices > 0 && r.Joined == r.Devices && r.Errors == 0 && r.HeartbeatsMissed == 0 &&
		r.Restart.ok(r.Devices)
}

func round(x float64) float64 { return math.Round(x*100) / 100 }

// Print prints the result as text, line by line.
func (r Result) Print(line func(format string, args ...any)) {
	line("%d of %d devices have joined, %.0f a second, %.2f dials each; %d errors, %d turned away",
		r.Joined, r.Devices, r.JoinsPerS, r.DialsPerDevice, r.Errors, r.TurnedAway)
	line("a device takes %d bytes, of which its socket %d (%.0f %%), and %.2f goroutines; "+
		"the hub holds %d bytes for it",
		r.BytesPerDevice, r.SocketBytes, r.SocketPercent, r.GoroutinesPerDevice, r.HubBytes)
	line("heartbeats: %d seen, %d missed", r.HeartbeatsSeen, r.HeartbeatsMissed)
	if s := r.Restart; s != nil {
		line("restart: %d sockets closed, %d dials refused in %.1f s without a hub; "+
			"%d devices back after %.1f s",
			s.SocketsLost, s.DialsRefused, s.DownS, s.JoinedAgain, s.JoinedAgainS)
		line(
			"then %d upgrade requests, %.2f a device, at most %d within a second (%.1f %% of the devices)",
			s.UpgradeRequests,
			s.RequestsPerDevice,
			s.BusiestSecond,
			s.BusiestPercent,
		)
	}
}
