package actors

import (
	"errors"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/firmware"
)

// note is how a fact of the machine reaches people.
type note struct {
	level zerolog.Level
	event EventKind // zero: none
	text  string
}

var notes = map[firmware.Note]note{
	firmware.NoteOffered: {zerolog.InfoLevel, EventOffered, "the hub offers a firmware"},
	firmware.NoteBusy: {
		zerolog.InfoLevel,
		EventUpdateIgnored,
		"another offer while an update runs, ignored",
	},
	firmware.NoteIgnored:     {zerolog.InfoLevel, EventUpdateIgnored, "offer ignored"},
	firmware.NoteRescheduled: {zerolog.InfoLevel, EventUpdateRescheduled, "offer put off"},
	firmware.NoteStarted:     {zerolog.InfoLevel, EventUpdateStarted, "download started"},
	firmware.NoteResumed:     {zerolog.InfoLevel, 0, "update goes on where it stopped"},
	firmware.NoteRetrying:    {zerolog.WarnLevel, 0, "transfer failed, trying again"},
	firmware.NoteCompleted:   {zerolog.InfoLevel, EventUpdateCompleted, "new firmware in place"},
	firmware.NoteFailed: {
		zerolog.ErrorLevel,
		EventUpdateFailed,
		"update failed, the running firmware is untouched",
	},
	firmware.NoteTrial:      {zerolog.InfoLevel, 0, "the running firmware is on trial"},
	firmware.NoteCommitted:  {zerolog.InfoLevel, EventCommitted, "firmware committed"},
	firmware.NoteCommitLate: {zerolog.WarnLevel, 0, "the commit failed; check the boot record"},
	firmware.NoteGoingBack:  {zerolog.WarnLevel, 0, "going back to the previous firmware"},
	firmware.NoteReverted: {
		zerolog.ErrorLevel,
		EventReverted,
		"running the previous firmware again; the new one failed and is refused until it is pushed by hand",
	},
	firmware.NoteStuck: {
		zerolog.ErrorLevel,
		0,
		"there is no firmware to go back to; commit the running one, or install another",
	},
	firmware.NoteRebooting: {zerolog.InfoLevel, EventRebooting, "rebooting"},
	firmware.NoteNoReboot: {
		zerolog.ErrorLevel,
		0,
		"the machine does not reboot when asked to; check the reboot command",
	},
	firmware.NoteBroken: {
		zerolog.ErrorLevel,
		0,
		"the boot record cannot be read; no updates until it can",
	},
	firmware.NoteJournal: {
		zerolog.ErrorLevel,
		0,
		"the journal cannot be used; what it knew is given up",
	},
}

// tell logs a fact, hands it to OnEvent and, when it is a failure, to the client.
func (u *updater) tell(e firmware.Effect) {
	n := notes[e.Note]
	line := u.log.WithLevel(n.level)
	if e.UUID != "" {
		line = line.Str("update", e.UUID)
	}
	if e.Reason != "" {
		line = line.Str("reason", e.Reason)
	}
	line.Msg(n.text)
	if n.event != 0 {
		u.dev.emit(Event{Kind: n.event, UUID: e.UUID, Detail: e.Reason, Err: e.Err})
	}
	switch e.Note {
	case firmware.NoteFailed:
		if u.dev.cfg.Client.Error != nil {
			_ = u.dev.client.Send(tellError{err: errors.New(e.Reason)}) // lost: not told
		}
	case firmware.NoteNoReboot:
		u.dev.endForReboot(e.Reason) // the init system starts the agent anew
	default:
	}
}
