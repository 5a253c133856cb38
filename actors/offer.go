package actors

import (
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/protocol/hub"
)

// offerOf is the hub's offer as the update machine knows it; problem is why it cannot be read, nil
// if it can.
func offerOf(u hub.Update, problem error) *firmware.Offer {
	o := &firmware.Offer{
		UUID: u.UUID(), Meta: u.Meta, URL: firmware.SignedURL(u.URL), Size: u.Size,
		Checksum: u.Checksum, Partials: u.Partials, DeploymentID: u.DeploymentID,
	}
	if problem != nil {
		o.Problem = problem.Error()
	}
	return o
}

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
