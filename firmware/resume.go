package firmware

// resumption is how a machine continues after a restart.
type resumption uint8

const (
	resumeNothing   resumption = iota // nothing was under way
	resumeUpdate                      // an update of which nothing is flipped
	resumeDropped                     // an update, but the device was given another firmware meanwhile
	resumeFlipped                     // the flip happened, the reboot did not
	resumeBooted                      // the new firmware runs for the first time
	resumeOther                       // the new firmware did not boot, or was reverted
	resumeTrial                       // the trial of the running firmware
	resumeCommitted                   // the running firmware was committed, the rest was lost
	resumeReboot                      // a revert happened, the reboot did not
	resumeRevert                      // a revert that is not in the boot record yet
	resumeReverted                    // a revert that is complete
)

// resume compares the journal, which has the intent, with the boot record, which is the evidence.
func resume(j *Journal, b *BootState) resumption {
	runs, flipped := b.Meta["uuid"] == j.UUID, b.flippedTo(j.UUID)
	switch j.State {
	case Deciding, Waiting, Fetching:
		return resumeUnflipped(j, b)
	case Flipping, Flipped:
		switch {
		case runs:
			return resumeBooted
		case flipped:
			return resumeFlipped
		case j.State == Flipping && !(b.Reverted && b.Other["uuid"] == j.UUID):
			return resumeUnflipped(j, b) // the flip did not happen
		default:
			return resumeOther
		}
	case Trial:
		switch {
		case !runs:
			return resumeOther
		case b.Validated:
			return resumeCommitted
		default:
			return resumeTrial
		}
	case Reverting:
		switch {
		case runs && b.pending():
			return resumeReboot
		case runs, flipped:
			return resumeRevert
		default:
			return resumeReverted
		}
	default:
		return resumeNothing
	}
}

// resumeUnflipped is resume for an update of which nothing is flipped.
func resumeUnflipped(j *Journal, b *BootState) resumption {
	if b.Meta["uuid"] != j.From || !b.Validated || b.pending() {
		return resumeDropped
	}
	return resumeUpdate
}
