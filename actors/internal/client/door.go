// Package client is the room of the embedder: the actor client runs its callbacks.
//
// [New] makes the actor from a [Door].
package client

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/supervisor"
)

// Door is what client may use. It belongs to the device and does not change while actors run.
type Door struct {
	Callbacks  Callbacks
	Updater    supervisor.Ref
	Connection supervisor.Ref
	Reboot     func(reason string) // ends the agent, so that the init system starts the device
	Log        func(actor string) *zerolog.Logger
}

// Callbacks are the embedder's; see actors.Client.
type Callbacks struct {
	UpdateAvailable func(ctx context.Context, o firmware.Offer) firmware.Decision
	Progress        func(ctx context.Context, uuid, stage string, percent int)
	Error           func(ctx context.Context, err error)
	Reboot          func(ctx context.Context, reason string) error
	Identify        func(ctx context.Context)
	Connected       func(ctx context.Context)
	Disconnected    func(ctx context.Context)
	Deadline        time.Duration // of each callback; not zero
}
