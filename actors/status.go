package actors

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hublink-go/hublink/firmware"
)

// Connection states of Status.
const (
	Connecting   = "connecting"   // no socket, or the device channel has not joined yet
	Connected    = "connected"    // the hub accepted the join of the device channel
	Disconnected = "disconnected" // waiting before the next dial
)

// Status is what a device knows of itself at one moment. It is from memory and never blocks on an
// actor.
type Status struct {
	Identifier string
	Connection string    // Connecting, Connected or Disconnected
	Since      time.Time // of Connection
	Problem    string    // why the device is not connected; empty while it is
	NextDial   time.Time // zero while connected
	// of the last socket, empty before the first; JSON in spite of Hub.Serializer: the hub refuses
	// MessagePack
	Serializer string
	Firmware   firmware.Metadata
	Slot       string // the running slot
	Validated  bool   // the running firmware is committed
	Reverted   bool   // the boot loader went back from the other slot
	Update     *UpdateStatus
	Extensions []string // attached, sorted
	Counters   Counters
}

// UpdateStatus is the update that is under way.
type UpdateStatus struct {
	UUID    string
	Version string
	Stage   string // "downloading" or "updating"
	Percent int
}

// Counters count what happened since the start of the device.
type Counters struct {
	Dials     uint64 // attempts to open a socket
	Sockets   uint64 // sockets that were opened
	Losses    uint64 // sockets that were lost
	Joins     uint64 // joins of the device channel
	BadFrames uint64 // frames that could not be read
	Stale     uint64 // messages of an older join
	Dropped   uint64 // messages that were nobody's
	Unknown   uint64 // events that this version does not know
	Downloads uint64 // bytes of firmware downloaded
}

// board is where the actors of one device write down what Status shows. It is the only thing that
// they share; nobody decides anything from it.
type board struct {
	mu    sync.Mutex
	s     Status
	known []string // kinds of problems since the last join
}

// maxKnown bounds the kinds of problems that are known: a hub may word its refusals as it likes.
const maxKnown = 16

func (b *board) count(f func(*Counters)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.s.Counters)
}

func (b *board) set(f func(*Status)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.s)
}

func (b *board) read() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.s
	s.Firmware = maps.Clone(s.Firmware)
	s.Extensions = append([]string(nil), s.Extensions...)
	if s.Update != nil {
		u := *s.Update
		s.Update = &u
	}
	return s
}

// connecting, waiting, joined and left are the states of the connection as they come.
func (b *board) connecting() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.s.Counters.Dials++
	b.enter(Connecting)
	b.s.NextDial = time.Time{}
}

// waiting notes why there is no socket; it reports whether a problem of this kind was known already
// since the last join.
func (b *board) waiting(problem, kind string, next time.Time) (repeated bool) {
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

func (b *board) joined() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.s.Counters.Joins++
	b.enter(Connected)
	b.s.Problem, b.s.NextDial, b.known = "", time.Time{}, nil
}

func (b *board) fail(problem string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.s.Problem = problem
}

func (b *board) enter(state string) {
	if b.s.Connection != state {
		b.s.Connection, b.s.Since = state, time.Now()
	}
}

func (b *board) attached(names map[string]bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.s.Extensions = slices.Sorted(maps.Keys(names))
}
