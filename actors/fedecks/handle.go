package fedecks

import (
	"errors"
	"time"

	"github.com/hublink-go/hublink/supervisor"
)

// Messages to handle.
type (
	// hold: from connector; it comes back by until. The zero time means that it plans nothing.
	hold struct{ until time.Time }
	// letGo: from its timer.
	letGo struct{}
)

var errLetGo = errors.New("the connector did not come back in time")

// handle is the dead man's handle. It crashes when the connector does not come back in time because
// a write or a loop hangs, and the supervisor then replaces both. Connections that are dead are
// found by the connector itself.
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
