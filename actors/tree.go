package actors

import (
	"time"

	"github.com/hublink-go/hublink/supervisor"
)

// deviceSpec is the whole tree of one device. Link starts last and stops first: when the hub
// speaks, everybody who has to hear it is there. The device gives up only when a part of it does so
// again and again; then Device.Wait returns.
func (d *Device) deviceSpec() supervisor.Spec {
	children := []supervisor.ChildSpec{
		{ID: "client", New: d.newClient}, // alone: a hang of the embedder's callbacks hurts nobody else
	}
	if len(d.cfg.Extensions) > 0 {
		children = append(children, supervisor.ChildSpec{ID: "extensions", Supervisor: &supervisor.Spec{
			// its children are temporary: they never count here
			Name: "extensions", Strategy: supervisor.Dynamic,
		}})
	}
	children = append(children,
		supervisor.ChildSpec{ID: "update", Supervisor: d.updateSpec()},
		supervisor.ChildSpec{ID: "link", Supervisor: d.linkSpec()})
	return supervisor.Spec{
		Name: d.name, Intensity: supervisor.Intensity{Max: 3, Within: time.Minute},
		Children: children,
	}
}

// linkSpec: one_for_one, because a connection that crashes keeps its socket, and channels ask it
// for its state when they start.
func (d *Device) linkSpec() *supervisor.Spec {
	children := []supervisor.ChildSpec{
		{
			ID:       "connection",
			New:      d.newConnection,
			Shutdown: 5 * time.Second,
		}, // it closes the socket politely
		{ID: "channel/device", New: d.newDeviceChannel},
	}
	if len(d.cfg.Extensions) > 0 {
		children = append(
			children,
			supervisor.ChildSpec{ID: "channel/extensions", New: d.newExtensionsChannel},
		)
	}
	return &supervisor.Spec{
		Name: "link", Intensity: supervisor.Intensity{Max: 5, Within: 30 * time.Second},
		Children: children,
	}
}

// updateSpec: rest_for_one, because a transfer is worth nothing without the updater that ordered
// it: a new updater reads the journal and orders anew.
func (d *Device) updateSpec() *supervisor.Spec {
	return &supervisor.Spec{
		Name: "update", Strategy: supervisor.RestForOne,
		Intensity: supervisor.Intensity{Max: 3, Within: time.Minute},
		Children: []supervisor.ChildSpec{
			{
				ID:    "updater",
				New:   d.newUpdater,
				Start: 30 * time.Second,
			}, // it reads and syncs a file on a medium that may be slow
			{ID: "transfers", Supervisor: &supervisor.Spec{
				// temporary children, watched by the updater, which decides about retries
				Name: "transfers", Strategy: supervisor.Dynamic,
			}},
		},
	}
}
