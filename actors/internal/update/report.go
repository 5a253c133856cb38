package update

import (
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/protocol/hub"
)

// reportPush is a report of the update machine as the hub knows it.
func reportPush(r firmware.Report) hub.Push {
	switch r.Status {
	case firmware.StatusReceived:
		return hub.Received()
	case firmware.StatusStarted:
		return hub.Started("")
	case firmware.StatusCompleted:
		return hub.Completed()
	case firmware.StatusIgnored:
		return hub.Ignored(r.Reason)
	case firmware.StatusRescheduled:
		return hub.Rescheduled(r.Delay, r.Reason)
	case firmware.StatusRebooting:
		return hub.Rebooting()
	default:
		return hub.Failed(r.Reason)
	}
}
