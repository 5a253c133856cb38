// Package extension is the room of the extensions: one actor for each, below a supervisor of its
// own.
//
// [Spec] describes the branch of one extension; channel/extensions starts and stops it.
package extension

import (
	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/board"
	"github.com/hublink-go/hublink/supervisor"
)

// Door is what the actor of an extension may use. It belongs to the device and does not change
// while actors run.
type Door struct {
	Channel supervisor.Ref // channel/extensions
	Board   *board.Board
	Events  Events
	Log     func(actor string) *zerolog.Logger
}

// Events tells the embedder about extensions.
type Events interface {
	Hung(extension string, reason error)
}
