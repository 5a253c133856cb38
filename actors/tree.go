package actors

import (
	"net/url"
	"time"

	"github.com/hublink-go/hublink/actors/internal/board"
	"github.com/hublink-go/hublink/actors/internal/branch"
	"github.com/hublink-go/hublink/actors/internal/channels"
	"github.com/hublink-go/hublink/actors/internal/client"
	"github.com/hublink-go/hublink/actors/internal/extension"
	"github.com/hublink-go/hublink/actors/internal/link"
	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/actors/internal/update"
	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/supervisor"
)

// parts are the doors of the actors of one device: each says what its actor may use.
type parts struct {
	link       link.Door
	channel    channels.Door // what the next two share
	device     channels.DeviceDoor
	extensions channels.ExtensionsDoor
	extension  extension.Door
	updater    update.Door
	transfers  update.Transfers
	client     client.Door
}

// newParts makes the doors of a device that is not started yet.
func newParts(cfg *Config, urls []*url.URL, own *shared, reboot func(reason string)) *parts {
	clock := newClock(cfg.Hub.Clock, &own.logs.base)
	random, log := own.jitter.source, own.logs.actor
	p := &parts{
		link: link.Door{
			Hub: newHub(cfg, clock), URLs: urls, Heartbeat: cfg.Hub.Heartbeat,
			MessagePack: cfg.Hub.Serializer == MessagePack,
			Board:       &own.board, Events: &own.events, Rand: random, Log: log,
		},
		channel:    channels.Door{Board: &own.board, Rand: random, Log: log},
		device:     channels.DeviceDoor{Factories: cfg.Extensions, Events: &own.events},
		extensions: channels.ExtensionsDoor{Factories: cfg.Extensions, Events: &own.events},
		extension:  extension.Door{Board: &own.board, Events: &own.events, Log: log},
		updater: update.Door{
			Machine: newMachine(cfg), Slots: cfg.Firmware.Slots, Applier: cfg.Firmware.Applier,
			Journal: cfg.Firmware.Journal,
			Tells:   update.Tells{Progress: cfg.Client.Progress != nil, Error: cfg.Client.Error != nil},
			Board:   &own.board, Events: &own.events, Reboot: reboot, Log: log,
		},
		transfers: update.Transfers{
			Downloads: newDownloads(cfg, clock), Board: &own.board, Rand: random, Log: log,
		},
		client: client.Door{Callbacks: newCallbacks(&cfg.Client), Reboot: reboot, Log: log},
	}
	p.device.Door, p.extensions.Door, p.updater.Transfers = &p.channel, &p.channel, &p.transfers
	p.extensions.Spec = func(f *extensions.Factory) supervisor.ChildSpec {
		return extension.Spec(&p.extension, f)
	}
	return p
}

// shared is what the actors of one device share.
type shared struct {
	board  board.Board
	events events
	jitter jitter
	logs   logs
}

// resolve tells the actors where the others live, in a tree whose root is called name.
func (p *parts) resolve(sys *supervisor.System, name string) {
	ref := func(rel string) supervisor.Ref { return sys.Ref(name + "/" + rel) }
	connection, updater, embedder := ref("link/connection"), ref("update/updater"), ref("client")
	var topics [message.Topics]supervisor.Ref
	for t := range message.Topics {
		topics[t] = ref("link/channel/" + t.Name())
	}
	p.link.Topics = topics
	p.channel.Connection = connection
	p.device.Updater, p.device.Client = updater, embedder
	p.device.Extensions = topics[message.TopicExtensions]
	p.extensions.Device = topics[message.TopicDevice]
	p.extensions.Branch = branch.Branch{Sys: sys, Path: name + "/extensions"}
	p.extension.Channel = topics[message.TopicExtensions]
	p.updater.Channel, p.updater.Client = topics[message.TopicDevice], embedder
	p.updater.Self = updater
	p.transfers.Branch = branch.Branch{
		Sys: sys, Path: name + "/update/transfers", Parent: name + "/update",
	}
	p.client.Updater, p.client.Connection = updater, connection
}

// spec is the whole tree of one device. Link starts last and stops first, so that every actor that
// hears of a message of the hub is there. The device gives up only when one of its branches does so
// again and again; then Device.Wait returns.
func (p *parts) spec(name string) supervisor.Spec {
	// client stands alone: a callback that hangs keeps no other actor waiting
	children := []supervisor.ChildSpec{{
		ID:  "client",
		New: func(supervisor.Heir) supervisor.Behavior { return client.New(&p.client) },
	}}
	if p.extended() {
		children = append(children, supervisor.ChildSpec{
			ID: "extensions",
			// its children are temporary: their crashes never count here
			Supervisor: &supervisor.Spec{Name: "extensions", Strategy: supervisor.Dynamic},
		})
	}
	children = append(children,
		supervisor.ChildSpec{ID: "update", Supervisor: p.updateSpec()},
		supervisor.ChildSpec{ID: "link", Supervisor: p.linkSpec()})
	return supervisor.Spec{
		Name: name, Intensity: supervisor.Intensity{Max: 3, Within: time.Minute},
		Children: children,
	}
}

// extended reports whether the device has extensions.
func (p *parts) extended() bool { return len(p.extensions.Factories) > 0 }

// linkSpec: one_for_one, because a connection that crashes keeps its socket, and channels ask it
// for its state when they start.
func (p *parts) linkSpec() *supervisor.Spec {
	children := []supervisor.ChildSpec{
		{
			ID:       "connection",
			New:      func(h supervisor.Heir) supervisor.Behavior { return link.New(&p.link, h) },
			Shutdown: 5 * time.Second, // it closes the socket with a close frame
		},
		{
			ID:  "channel/device",
			New: func(supervisor.Heir) supervisor.Behavior { return channels.NewDevice(&p.device) },
		},
	}
	if p.extended() {
		children = append(children, supervisor.ChildSpec{
			ID: "channel/extensions",
			New: func(supervisor.Heir) supervisor.Behavior {
				return channels.NewExtensions(&p.extensions)
			},
		})
	}
	return &supervisor.Spec{
		Name: "link", Intensity: supervisor.Intensity{Max: 5, Within: 30 * time.Second},
		Children: children,
	}
}

// updateSpec: rest_for_one, because a transfer is worth nothing without the updater that ordered
// it: a new updater reads the journal and orders anew. The updater has the supervisor of transfers
// started behind itself when it orders the first one.
func (p *parts) updateSpec() *supervisor.Spec {
	return &supervisor.Spec{
		Name: "update", Strategy: supervisor.RestForOne,
		Intensity: supervisor.Intensity{Max: 3, Within: time.Minute},
		Children: []supervisor.ChildSpec{
			{
				ID:    "updater",
				New:   func(h supervisor.Heir) supervisor.Behavior { return update.New(&p.updater, h) },
				Start: 30 * time.Second, // it reads and syncs a file on a medium that may be slow
			},
		},
	}
}
