package agent

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/hublink-go/hublink/actors"
	"github.com/hublink-go/hublink/cmd/device/internal/control"
	"github.com/hublink-go/hublink/firmware"
)

// feed passes the events of the device to the subscribers of the control socket, which is opened
// after the device was made, and closes joined at the first join. It never blocks.
type feed struct {
	server atomic.Pointer[control.Server]
	first  sync.Once
	joined chan struct{} // closed at the first join
}

func newFeed() *feed { return &feed{joined: make(chan struct{})} }

func (f *feed) publish(s *control.Server) { f.server.Store(s) }

// event is the device's OnEvent.
func (f *feed) event(e actors.Event) {
	switch e.Kind {
	case actors.EventConnected:
		f.first.Do(func() { close(f.joined) })
		f.send(control.EventConnection, control.ConnectionEvent{State: actors.Connected})
	case actors.EventDisconnected, actors.EventConnectFailed:
		f.send(control.EventConnection, control.ConnectionEvent{State: actors.Disconnected})
	case actors.EventUpdateCompleted:
		f.send(control.EventInstalled,
			control.InstalledEvent{Firmware: describe(firmware.Metadata{"uuid": e.UUID})})
	case actors.EventUpdateFailed:
		f.send(control.EventFailed, control.FailedEvent{Reason: e.Detail})
	}
}

// progress is the device's Client.Progress.
func (f *feed) progress(_ context.Context, p actors.Progress) {
	f.send(control.EventProgress, control.ProgressEvent{Stage: p.Stage, Percent: p.Percent})
}

func (f *feed) send(event string, payload any) {
	if s := f.server.Load(); s != nil {
		s.Publish(event, payload)
	}
}
