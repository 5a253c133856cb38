package fedecks

import (
	"errors"
	"time"

	"github.com/hublink-go/hublink/supervisor"
)

// Messages to handle.
type (
	// hold: from connector, it will be back by then; the zero time: it waits for others.
	hold struct{ until time.Time }
	// letGo: from its timer.
	letGo struct{}
)

var errLetGo = errors.New("the connector did not come back in time")

// handle is the dead man's handle: it crashes when the connector does not come back in time, stuck
// in a write or a loop, and the supervisor then replaces both. Dead links are the connector's own
// business.
type handle struct{ timer supervisor.Timer }

// Init waits for the first hold.
func (h *handle) Init(*supervisor.Ctx) error { return nil }

// Receive handles one message.
func (h *handle) Receive(ctx *supervisor.Ctx, msg any) error {
	switch m := msg.(type) {
	case hold:
		h.timer.Stop()
		if !m.until.IsZero() {
			h.timer = ctx.After(time.Until(m.until), letGo{})
		}
		return nil
	case letGo:
		return errLetGo
	default:
		return ctx.Unexpected(msg)
	}
}

// Terminate has nothing to undo.
func (h *handle) Terminate(*supervisor.Ctx, error) {}
