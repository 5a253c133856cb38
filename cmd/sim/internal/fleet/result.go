package fleet

import (
	"math"
	"time"
)

// Result is what was measured. Its JSON is the last line of `sim fleet --json`.
type Result struct {
	OK                  bool    `json:"ok"` // all have joined and stayed, without an error
	Devices             int     `json:"devices"`
	Joined              int     `json:"joined"`      // at the end
	Errors              int     `json:"errors"`      // failed dials, lost sockets, crashes, frames that could not be read
	TurnedAway          int     `json:"turned_away"` // dials that a hub with a limit has cut, and that were tried again
	JoinsPerS           float64 `json:"joins_per_s"` // from the first dial to the last join
	BytesPerDevice      int64   `json:"bytes_per_device"`
	GoroutinesPerDevice float64 `json:"goroutines_per_device"`
	HeartbeatsSeen      int     `json:"heartbeats_seen"`   // by the hub, after the last join
	HeartbeatsMissed    int     `json:"heartbeats_missed"` // of those that were due
	Seconds             float64 `json:"seconds"`           // from the first dial to the end of the measurement
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
}

// pace sets the speed of the joins.
func (r *Result) pace(took time.Duration) {
	if took > 0 {
		r.JoinsPerS = round(float64(r.Joined) / took.Seconds())
	}
}

// heartbeats compares what the hub has seen in a time with what was due.
func (r *Result) heartbeats(seen int, steady, every time.Duration) {
	r.HeartbeatsSeen = seen
	r.HeartbeatsMissed = max(0, r.Devices*int(steady/every)-seen)
}

// judge sets OK.
func (r *Result) judge() {
	r.OK = r.Devices > 0 && r.Joined == r.Devices && r.Errors == 0 && r.HeartbeatsMissed == 0
}

func round(x float64) float64 { return math.Round(x*100) / 100 }

// Print says it for people.
func (r Result) Print(line func(format string, args ...any)) {
	line("%d of %d devices have joined, %.0f a second; %d errors, %d turned away", r.Joined, r.Devices, r.JoinsPerS, r.Errors, r.TurnedAway)
	line("a device takes %d bytes and %.2f goroutines", r.BytesPerDevice, r.GoroutinesPerDevice)
	line("heartbeats: %d seen, %d missed", r.HeartbeatsSeen, r.HeartbeatsMissed)
}
