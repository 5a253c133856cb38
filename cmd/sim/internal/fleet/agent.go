package fleet

import (
	"errors"
	"fmt"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/ramdev"
	"github.com/hublink-go/hublink/protocol/auth"
	"github.com/hublink-go/hublink/supervisor"
)

// running is what all devices run.
var running = firmware.Metadata{
	"uuid":         "fleet-1.0.0",
	"product":      "fleet",
	"version":      "1.0.0",
	"platform":     "sim",
	"architecture": "any",
}

func identity(i int) string { return fmt.Sprintf("fleet-%06d", i+1) }

func (f *fleet) newAgent(i int) (*actors.Device, error) {
	store := ramdev.New(running, capacity)
	return actors.New(actors.Config{
		Identity: identity(i), System: f.sys,
		Hub: actors.Hub{
			URL: f.hub.URL, Secret: &auth.SharedSecret{Key: f.hub.Key, Secret: f.hub.Secret},
			TLS: f.security, Dialer: source(i, f.security), Heartbeat: f.cfg.Heartbeat,
			NoCompress: true, // or each device would remember what it has said
		},
		Firmware:   actors.Firmware{Slots: store, Applier: store, Journal: store, HTTP: f.http},
		Extensions: f.extensions,
		Logger:     zerolog.Nop(),
		OnEvent:    f.event,
	})
}

// event is the hook of all agents.
func (f *fleet) event(e actors.Event) {
	if f.ending.Load() {
		return
	}
	switch e.Kind {
	case actors.EventConnected:
		f.lastJoin.Store(e.Time.UnixNano())
		f.joins.Add(1)
		select {
		case f.joined <- struct{}{}:
		default:
		}
	case actors.EventConnectFailed:
		if dialFailed(e.Err) && !f.outage.failed(e.Err) {
			f.cut.Add(1)
		}
	case actors.EventDisconnected:
		if !f.outage.took(e.Err) {
			f.lost.Add(1)
		}
	}
}

// supervised is the hook of the system.
func (f *fleet) supervised(e supervisor.Event) {
	orderly := errors.Is(e.Reason, supervisor.ErrNormal) || errors.Is(e.Reason, supervisor.ErrShutdown)
	if e.Kind == supervisor.EventExited && !orderly || e.Kind == supervisor.EventAbandoned {
		f.crashes.Add(1)
	}
}
