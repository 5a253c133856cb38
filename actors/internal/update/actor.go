package update

import (
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/drive"
	"github.com/hublink-go/hublink/actors/internal/errand"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/supervisor"
)

const (
	memoryKey = "memory"
	// stateWithin bounds the reading of the boot record.
	stateWithin = 3 * time.Second
	// bootWriteWithin bounds the writing of the boot record.
	bootWriteWithin = 30 * time.Second
	// askClientAgain is when a client that was not alive is asked again.
	askClientAgain = time.Second
)

// updater drives the update machine of one device: it reads journal and boot record when it starts,
// saves the one and has the other written, and orders downloads. What takes time it leaves to
// errands and to the actors of a transfer.
type updater struct {
	door     *Door
	core     firmware.Machine
	timer    drive.Timer
	errands  errand.Queue // of effects, in their order; the result is a firmware.Input or a message
	watched  map[supervisor.Ref]uint64
	outcomes outcomes
	callers  []supervisor.Caller // who wants a commit
	memory   *updaterMemory      // nil while there is nothing that the next incarnation has to know
	log      *zerolog.Logger

	rebooting string   // why; empty: it was not asked for
	flipping  uint64   // the transfer whose applier flips; 0 means none
	again     reminder // to ask the client for its decision
}

// updaterMemory is what an updater leaves to the next one in the same process.
type updaterMemory struct{ firmware.Memory }

// Close implements io.Closer. Without a next incarnation the memory is not needed.
func (*updaterMemory) Close() error { return nil }
