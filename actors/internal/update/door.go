package update

import (
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/board"
	"github.com/hublink-go/hublink/actors/internal/branch"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/supervisor"
)

// Door is what updater may use. It belongs to the device and does not change while actors run.
type Door struct {
	Machine   firmware.Config
	Slots     firmware.Slots
	Applier   firmware.Applier
	Journal   Journal
	Self      supervisor.Ref // the updater
	Channel   supervisor.Ref // channel/device
	Client    supervisor.Ref
	Tells     Tells
	Transfers *Transfers
	Board     *board.Board
	Events    Events
	Reboot    func(reason string) // ends the agent, so that the init system starts the device
	Log       func(actor string) *zerolog.Logger
}

// Journal keeps the state of a running update over crashes and power loss; see actors.Journal.
type Journal interface {
	Load() ([]byte, error)
	Save(data []byte) error
}

// Tells says which callbacks the client has: the others are not told.
type Tells struct{ Progress, Error bool }

// Events tells the embedder what became of an update.
type Events interface {
	UpdateNoted(note firmware.Note, uuid, reason string, err error)
}

// Transfers is what applier and downloader may use, and where they run.
type Transfers struct {
	Branch    branch.Branch
	Downloads Downloads
	Board     *board.Board
	Rand      func(stream uint64) *rand.Rand
	Log       func(actor string) *zerolog.Logger
}

// Downloads is how firmware is downloaded.
type Downloads struct {
	Client     func() *http.Client // asked for each download
	Stall      time.Duration       // see actors.Firmware
	RetryDelay time.Duration
}

func (t *Transfers) applier() supervisor.Ref    { return t.Branch.Ref(applierID) }
func (t *Transfers) downloader() supervisor.Ref { return t.Branch.Ref(downloaderID) }
