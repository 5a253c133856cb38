package channels

import (
	"math/rand/v2"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/board"
	"github.com/hublink-go/hublink/actors/internal/branch"
	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/supervisor"
)

// Door is what every topic actor may use. It belongs to the device and does not change while actors
// run.
type Door struct {
	Connection supervisor.Ref
	Board      *board.Board
	Rand       func(stream uint64) *rand.Rand
	Log        func(actor string) *zerolog.Logger
}

// DeviceDoor is what channel/device may use.
type DeviceDoor struct {
	*Door
	Updater    supervisor.Ref
	Client     supervisor.Ref
	Extensions supervisor.Ref // channel/extensions; the zero Ref: the device has no extensions
	Factories  []extensions.Factory
	Events     DeviceEvents
}

// DeviceEvents tells the embedder about the device channel.
type DeviceEvents interface {
	Joined()
	UpdateNoted(note firmware.Note, uuid, reason string, err error)
}

// ExtensionsDoor is what channel/extensions may use.
type ExtensionsDoor struct {
	*Door
	Device    supervisor.Ref // channel/device
	Factories []extensions.Factory
	Branch    branch.Branch // where the supervisors of the extensions run
	Spec      func(*extensions.Factory) supervisor.ChildSpec
	Events    ExtensionEvents
}

// ExtensionEvents tells the embedder about extensions.
type ExtensionEvents interface {
	Quarantined(extension string, reason error)
}

// extension returns the ref of an extension's actor, supervisor that of its supervisor.
func (d *ExtensionsDoor) extension(name string) supervisor.Ref {
	return d.Branch.Ref(name + "/" + name)
}

func (d *ExtensionsDoor) supervisor(name string) supervisor.Ref { return d.Branch.Ref(name) }

// factory returns the factory of that name, or nil.
func (d *ExtensionsDoor) factory(name string) *extensions.Factory {
	for i := range d.Factories {
		if d.Factories[i].Name == name {
			return &d.Factories[i]
		}
	}
	return nil
}
