package actors

import (
	"errors"
	"time"

	"github.com/hublink-go/hublink/supervisor"
)

// Event is one thing that an embedder may want to know. It is delivered synchronously: OnEvent must
// not block.
type Event struct {
	Kind   EventKind
	Time   time.Time
	Device string // Config.Identity
	Name   string // EventExtensionQuarantined: the extension; EventActorExited: the path of the actor
	UUID   string // of the firmware that the event is about
	Detail string // a sentence for people
	Err    error
}

// EventKind says what happened.
type EventKind uint8

// The kinds of events.
const (
	EventConnected         EventKind = iota + 1 // the device channel has joined
	EventDisconnected                           // the socket was lost; Err says why
	EventConnectFailed                          // a dial failed; Detail says what to do
	EventOffered                                // the hub offered a firmware
	EventUpdateIgnored                          // an offer was refused or ignored; Detail says why
	EventUpdateRescheduled                      // an offer was put off
	EventUpdateStarted                          // a download began
	// the new firmware is in place, the device is about to reboot
	EventUpdateCompleted
	// Detail says why; the running firmware is untouched
	EventUpdateFailed
	EventCommitted            // the running firmware was committed
	EventReverted             // the device runs its previous firmware again
	EventRebooting            // the reboot was asked for
	EventExtensionQuarantined // an extension crashed too often
	// an actor crashed; not under Config.System, whose own OnEvent hears of it
	EventActorExited
)

// String returns the name of the kind, for logs.
func (k EventKind) String() string {
	names := [...]string{
		EventConnected: "connected", EventDisconnected: "disconnected",
		EventConnectFailed: "connect-failed",
		EventOffered:       "offered", EventUpdateIgnored: "update-ignored",
		EventUpdateRescheduled: "update-rescheduled",
		EventUpdateStarted:     "update-started", EventUpdateCompleted: "update-completed",
		EventUpdateFailed: "update-failed",
		EventCommitted:    "committed", EventReverted: "reverted", EventRebooting: "rebooting",
		EventExtensionQuarantined: "extension-quarantined", EventActorExited: "actor-exited",
	}
	if int(k) < len(names) && names[k] != "" {
		return names[k]
	}
	return "unknown"
}

// emit stamps e and hands it to the embedder, whose panic is nobody's end.
func (d *Device) emit(e Event) {
	if d.cfg.OnEvent == nil {
		return
	}
	e.Time, e.Device = time.Now(), d.cfg.Identity
	if err := try(func() error { d.cfg.OnEvent(e); return nil }); err != nil {
		log := d.log("event")
		log.Error().Err(err).Str("event", e.Kind.String()).Msg("OnEvent panicked")
	}
}

// supervisorEvent makes events of crashes. The supervisor has logged them.
func (d *Device) supervisorEvent(e supervisor.Event) {
	if e.Kind == supervisor.EventExited && !errors.Is(e.Reason, supervisor.ErrNormal) &&
		!errors.Is(e.Reason, supervisor.ErrShutdown) {
		d.emit(Event{Kind: EventActorExited, Name: e.Path, Err: e.Reason})
	}
}
