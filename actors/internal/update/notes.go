package update

import (
	"errors"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/actors/internal/message"
	"github.com/hublink-go/hublink/firmware"
)

// note is how a fact of the machine is logged.
type note struct {
	level zerolog.Level
	text  string
}

var notes = map[firmware.Note]note{
	firmware.NoteOffered:     {zerolog.InfoLevel, "the hub offers a firmware"},
	firmware.NoteBusy:        {zerolog.InfoLevel, "another offer during an update; ignored"},
	firmware.NoteIgnored:     {zerolog.InfoLevel, "offer ignored"},
	firmware.NoteRescheduled: {zerolog.InfoLevel, "offer postponed"},
	firmware.NoteStarted:     {zerolog.InfoLevel, "download started"},
	firmware.NoteResumed:     {zerolog.InfoLevel, "update resumed where it stopped"},
	firmware.NoteRetrying:    {zerolog.WarnLevel, "transfer failed; trying again"},
	firmware.NoteCompleted:   {zerolog.InfoLevel, "the new firmware is installed"},
	firmware.NoteFailed: {
		zerolog.ErrorLevel, "update failed; the running firmware is unchanged",
	},
	firmware.NoteTrial:        {zerolog.InfoLevel, "the running firmware is on trial"},
	firmware.NoteCommitted:    {zerolog.InfoLevel, "firmware committed"},
	firmware.NoteCommitFailed: {zerolog.WarnLevel, "the commit failed; check the boot record"},
	firmware.NoteReverting:    {zerolog.WarnLevel, "reverting to the previous firmware"},
	firmware.NoteReverted: {
		zerolog.ErrorLevel,
		"reverted: the previous firmware runs again; the new one failed and is refused " +
			"until it is pushed by hand",
	},
	firmware.NoteRevertFailed: {
		zerolog.ErrorLevel,
		"there is no firmware to revert to; commit the running one, or install another",
	},
	firmware.NoteRebooting: {zerolog.InfoLevel, "rebooting"},
	firmware.NoteRebootFailed: {
		zerolog.ErrorLevel, "the machine did not reboot when asked to; check the reboot command",
	},
	firmware.NoteBootUnreadable: {
		zerolog.ErrorLevel, "the boot record cannot be read; no updates until it can",
	},
	firmware.NoteJournal: {
		zerolog.ErrorLevel, "the journal cannot be used; its content is discarded",
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
	u.door.Events.UpdateNoted(e.Note, e.UUID, e.Reason, e.Err)
	switch e.Note {
	case firmware.NoteFailed:
		if u.door.Tells.Error {
			_ = u.door.Client.Send(message.TellError{Err: errors.New(e.Reason)}) // lost: not told
		}
	case firmware.NoteRebootFailed:
		u.door.Reboot(e.Reason) // the init system starts the agent anew
	default:
	}
}
