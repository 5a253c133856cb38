package chaos

import (
	"fmt"
	"strings"
)

// Result is what a run has found. Its JSON is the last line of `sim chaos --json`.
type Result struct {
	OK                bool  `json:"ok"`
	Kills             Kills `json:"kills"`
	SocketDrops       int   `json:"socket_drops"` // losses but for the reboots
	UpdatesStarted    int   `json:"updates_started"`
	UpdatesCompleted  int   `json:"updates_completed"`
	IntensityExceeded int   `json:"intensity_exceeded"` // supervisors that gave up
	GoroutinesLeaked  int   `json:"goroutines_leaked"`
}

// Kills are counted by kind. Their JSON is an object in the order of the kinds.
type Kills [kinds]int

// Total is all of them.
func (k Kills) Total() (n int) {
	for _, one := range k {
		n += one
	}
	return n
}

// MarshalJSON implements json.Marshaler.
func (k Kills) MarshalJSON() ([]byte, error) {
	parts := make([]string, 0, kinds)
	for kind, n := range k {
		parts = append(parts, fmt.Sprintf("%q:%d", Kind(kind).String(), n)) //nolint:gosec // few kinds
	}
	return []byte("{" + strings.Join(parts, ",") + "}"), nil
}

// judge sets OK: the kills have all hit, and nobody has noticed.
func (r *Result) judge(kills int) {
	r.OK = r.Kills.Total() == kills && r.SocketDrops == 0 && r.IntensityExceeded == 0 &&
		r.GoroutinesLeaked == 0 &&
		r.UpdatesStarted > 0 &&
		r.UpdatesCompleted == r.UpdatesStarted
}

// Print says it for people.
func (r Result) Print(line func(format string, args ...any)) {
	line("\nkilled")
	for kind, n := range r.Kills {
		line("  %-20s %4d", Kind(kind), n) //nolint:gosec // few kinds
	}
	line("  %-20s %4d", "in all", r.Kills.Total())
	line("%d sockets dropped", r.SocketDrops)
	line("%d updates started, %d completed", r.UpdatesStarted, r.UpdatesCompleted)
	line("%d supervisors gave up, %d goroutines left behind", r.IntensityExceeded, r.GoroutinesLeaked)
}
