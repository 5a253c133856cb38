package chaos

import (
	"fmt"
	"slices"
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

// Kills are counted by kind. Their JSON is an object in the order of the kinds; those that every
// device has are always there.
type Kills map[Kind]int

// kinds returns the kinds in the order of reports.
func (k Kills) kinds() []Kind {
	var names []string
	for kind := range k {
		if name, ok := strings.CutPrefix(string(kind), extensionKind+"/"); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return Kinds(names)
}

// Total is all of them.
func (k Kills) Total() (n int) {
	for _, one := range k {
		n += one
	}
	return n
}

// MarshalJSON implements json.Marshaler.
func (k Kills) MarshalJSON() ([]byte, error) {
	kinds := k.kinds()
	parts := make([]string, len(kinds))
	for i, kind := range kinds {
		parts[i] = fmt.Sprintf("%q:%d", kind, k[kind])
	}
	return []byte("{" + strings.Join(parts, ",") + "}"), nil
}

// judge sets OK: all kills have hit, and no update, socket or supervisor was lost.
func (r *Result) judge(kills int) {
	r.OK = r.Kills.Total() == kills && r.SocketDrops == 0 && r.IntensityExceeded == 0 &&
		r.GoroutinesLeaked == 0 && r.UpdatesStarted > 0 && r.UpdatesCompleted == r.UpdatesStarted
}

// Print prints the result as text, line by line.
func (r Result) Print(line func(format string, args ...any)) {
	line("\nkilled")
	for _, kind := range r.Kills.kinds() {
		line("  %-20s %4d", kind, r.Kills[kind])
	}
	line("  %-20s %4d", "in all", r.Kills.Total())
	line("%d sockets dropped", r.SocketDrops)
	line("%d updates started, %d completed", r.UpdatesStarted, r.UpdatesCompleted)
	line("%d supervisors gave up, %d goroutines left behind", r.IntensityExceeded, r.GoroutinesLeaked)
}
