// Package board holds what the actors of one device write down for Status.
//
// The actors call the methods of a [Board] that name what happened; [Board.Read] returns a copy.
// The board is the only value that they share, and no actor decides anything from it.
package board

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hublink-go/hublink/firmware"
)

// Connection is how far a device is on its way to the hub.
type Connection uint8

// The states of a connection.
const (
	Disconnected Connection = iota // waiting before the next dial
	Connecting                     // no socket, or the device channel has not joined yet
	Connected                      // the hub accepted the join of the device channel
)

// State is what a device knows of itself at one moment; see actors.Status for the meaning of each
// field.
type State struct {
	Connection Connection
	Since      time.Time
	Problem    string
	NextDial   time.Time
	Serializer string
	Firmware   Firmware
	Extensions []string
	Problems   map[string]string // of extensions
	Counters   Counters
}

// Firmware is what the updater knows of the running firmware and of an update.
type Firmware struct {
	Meta      firmware.Metadata
	Slot      string
	Validated bool
	Reverted  bool
	Update    *Update
}

// Update is the update that is under way.
type Update struct {
	UUID    string
	Version string
	Stage   string
	Percent int
}

// Counters count what happened since the start of the device; see actors.Counters.
type Counters struct {
	Dials     uint64
	Sockets   uint64
	Losses    uint64
	Joins     uint64
	BadFrames uint64
	Stale     uint64
	Dropped   uint64
	Unknown   uint64
	Downloads uint64
	Hangs     uint64
	Abandoned int
}

// Board is where the actors of one device write.
type Board struct {
	mu    sync.Mutex
	s     State
	known []string // kinds of problems since the last join
}

// maxKnown bounds the kinds of problems that are remembered: a hub may word its refusals as it
// likes.
const maxKnown = 16

// Start notes that the device is not connected yet, since now.
func (b *Board) Start(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.s.Since = now
}

// Count lets f change the counters.
func (b *Board) Count(f func(*Counters)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.s.Counters)
}

// Read returns a copy of the state.
func (b *Board) Read() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.s
	s.Firmware.Meta = maps.Clone(s.Firmware.Meta)
	s.Extensions = append([]string(nil), s.Extensions...)
	s.Problems = maps.Clone(s.Problems)
	if s.Firmware.Update != nil {
		u := *s.Firmware.Update
		s.Firmware.Update = &u
	}
	return s
}

// Connecting notes the start of a dial.
func (b *Board) Connecting() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.s.Counters.Dials++
	b.enter(Connecting)
	b.s.NextDial = time.Time{}
}

// Waiting notes why there is no socket and when the next dial comes; it reports whether a problem
// of this kind was noted before since the last join.
func (b *Board) Waiting(problem, kind string, next time.Time) (repeated bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	repeated = slices.Contains(b.known, kind)
	if !repeated {
		b.known = append(b.known[max(0, len(b.known)-maxKnown+1):], kind)
	}
	b.enter(Disconnected)
	b.s.Problem, b.s.NextDial = problem, next
	return repeated
}

// Joined notes that the device channel has joined.
func (b *Board) Joined() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.s.Counters.Joins++
	b.enter(Connected)
	b.s.Problem, b.s.NextDial, b.known = "", time.Time{}, nil
}

// Problem notes what keeps the device from joining; empty means nothing.
func (b *Board) Problem(problem string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.s.Problem = problem
}

// Serializer notes what the socket was opened for.
func (b *Board) Serializer(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.s.Serializer = name
}

// Firmware notes the running firmware and the update that is under way.
func (b *Board) Firmware(f Firmware) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.s.Firmware = f
}

// Extensions notes which extensions are attached, in the order in which Status shows them.
func (b *Board) Extensions(names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.s.Extensions = names
}

// ExtensionProblem notes what is wrong with an extension; empty means nothing. It reports whether
// that is new.
func (b *Board) ExtensionProblem(name, problem string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.s.Problems[name] == problem {
		return false
	}
	if problem == "" {
		delete(b.s.Problems, name)
		return true
	}
	if b.s.Problems == nil {
		b.s.Problems = map[string]string{}
	}
	b.s.Problems[name] = problem
	return true
}

func (b *Board) enter(c Connection) {
	if b.s.Connection != c {
		b.s.Connection, b.s.Since = c, time.Now()
	}
}
