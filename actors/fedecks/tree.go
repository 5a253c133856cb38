package fedecks

import (
	"time"

	"github.com/hublink-go/hublink/supervisor"
)

// Names of the actors below the root.
const (
	nameEvents    = "events"
	nameStore     = "store"
	nameHandle    = "handle"
	nameConnector = "connector"
)

// maxEvents is how many events may wait for a callback that blocks. The number is ours.
const maxEvents = 1024

// spec returns the tree of a client. It is rest_for_one, because a connector depends on the token
// and the handle that it started with, and on the events actor for its events.
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
