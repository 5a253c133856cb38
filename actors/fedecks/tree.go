package fedecks

import (
	"time"

	"github.com/hublink-go/hublink/supervisor"
)

// Names of the actors.
const (
	nameEvents    = "events"
	nameStore     = "store"
	nameHandle    = "handle"
	nameConnector = "connector"
)

// maxEvents is how many events wait for a callback that blocks.
const maxEvents = 1024

// spec is the whole tree. rest_for_one: a connector is worth nothing without the token and the
// handle that it was started with; and what it has to say shall be heard.
func (c *Client) spec() supervisor.Spec {
	return supervisor.Spec{
		Name: c.cfg.Name, Strategy: supervisor.RestForOne,
		Intensity: supervisor.Intensity{Max: 5, Within: time.Minute},
		Children: []supervisor.ChildSpec{
			{
				ID: nameEvents, New: func(supervisor.Heir) supervisor.Behavior { return &events{client: c} },
				Mailbox: supervisor.MailboxPolicy{Capacity: maxEvents, Overflow: supervisor.DropOldest},
			},
			{
				ID: nameStore,
				New: func(supervisor.Heir) supervisor.Behavior {
					return &store{
						client: c,
						path:   c.cfg.TokenFile,
					}
				},
			},
			{ID: nameHandle, New: func(supervisor.Heir) supervisor.Behavior { return &handle{} }},
			{ID: nameConnector, New: func(supervisor.Heir) supervisor.Behavior { return newConnector(c) }},
		},
	}
}
