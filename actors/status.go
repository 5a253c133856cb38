package actors

import (
	"time"

	"github.com/hublink-go/hublink/actors/internal/board"
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
	// by extension: why it is not attached, or what went wrong since it was; nil means nothing
	ExtensionProblems map[string]string
	Counters          Counters
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
	Dropped   uint64 // messages without a receiver
	Unknown   uint64 // events that this version does not know
	Downloads uint64 // bytes of firmware downloaded
	Hangs     uint64 // calls of an extension's Handle that passed their deadline
	Abandoned int    // those of them that have not returned yet
}

// statusOf is the board of a device as its embedder sees it.
func statusOf(identity string, s board.State) Status {
	return Status{
		Identifier: identity,
		Connection: connectionNames[s.Connection],
		Since:      s.Since,
		Problem:    s.Problem,
		NextDial:   s.NextDial,
		Serializer: s.Serializer,
		Firmware:   s.Firmware.Meta,
		Slot:       s.Firmware.Slot,
		Validated:  s.Firmware.Validated,
		Reverted:   s.Firmware.Reverted,
		Update:     (*UpdateStatus)(s.Firmware.Update),
		Extensions: s.Extensions, ExtensionProblems: s.Problems,
		Counters: Counters(s.Counters),
	}
}

var connectionNames = [...]string{
	board.Disconnected: Disconnected, board.Connecting: Connecting, board.Connected: Connected,
}
