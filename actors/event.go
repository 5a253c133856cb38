package actors

import (
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/errand"
	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/supervisor"
)

// Event is one thing that an embedder may want to know. It is delivered synchronously: OnEvent must
// not block.
type Event struct {
	Kind   EventKind
	Time   time.Time
	Device string // Config.Identity
	// EventExtensionQuarantined, EventExtensionHung: the extension; EventActorExited: the path of the
	// actor
	Name   string
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
	// a call of an extension's Handle passed its deadline; a fresh extension takes its place
	EventExtensionHung
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
		EventExtensionHung: "extension-hung",
	}
	if int(k) < len(names) && names[k] != "" {
		return names[k]
	}
	return "unknown"
}

// events tells the embedder what the actors of one device have to tell.
type events struct {
	device string
	hook   func(Event) // nil: none
	log    func(actor string) *zerolog.Logger
}

// emit stamps e and hands it to the embedder. It recovers a panic of the hook and logs it.
func (s *events) emit(e Event) {
	if s.hook == nil {
		return
	}
	e.Time, e.Device = time.Now(), s.device
	if err := errand.Try(func() error { s.hook(e); return nil }); err != nil {
		s.log("event").Error().Err(err).Str("event", e.Kind.String()).Msg("OnEvent panicked")
	}
}

// Joined implements channels.DeviceEvents.
func (s *events) Joined() { s.emit(Event{Kind: EventConnected}) }

// SocketLost implements link.Events.
func (s *events) SocketLost(cause error) { s.emit(Event{Kind: EventDisconnected, Err: cause}) }

// ConnectFailed implements link.Events.
func (s *events) ConnectFailed(cause error, advice string) {
	s.emit(Event{Kind: EventConnectFailed, Err: cause, Detail: advice})
}

// Quarantined implements channels.ExtensionEvents.
func (s *events) Quarantined(extension string, reason error) {
	s.emit(Event{Kind: EventExtensionQuarantined, Name: extension, Err: reason})
}

// Hung implements extension.Events.
func (s *events) Hung(extension string, reason error) {
	s.emit(Event{Kind: EventExtensionHung, Name: extension, Err: reason})
}

// UpdateNoted implements update.Events; a note without a kind is for the log only.
func (s *events) UpdateNoted(note firmware.Note, uuid, reason string, err error) {
	if kind, ok := noteKinds[note]; ok {
		s.emit(Event{Kind: kind, UUID: uuid, Detail: reason, Err: err})
	}
}

var noteKinds = map[firmware.Note]EventKind{
	firmware.NoteOffered:     EventOffered,
	firmware.NoteBusy:        EventUpdateIgnored,
	firmware.NoteIgnored:     EventUpdateIgnored,
	firmware.NoteRescheduled: EventUpdateRescheduled,
	firmware.NoteStarted:     EventUpdateStarted,
	firmware.NoteCompleted:   EventUpdateCompleted,
	firmware.NoteFailed:      EventUpdateFailed,
	firmware.NoteCommitted:   EventCommitted,
	firmware.NoteReverted:    EventReverted,
	firmware.NoteRebooting:   EventRebooting,
}

// actorExited makes events of crashes. The supervisor has logged them.
func (s *events) actorExited(e supervisor.Event) {
	if e.Kind == supervisor.EventExited && !errors.Is(e.Reason, supervisor.ErrNormal) &&
		!errors.Is(e.Reason, supervisor.ErrShutdown) {
		s.emit(Event{Kind: EventActorExited, Name: e.Path, Err: e.Reason})
	}
}
