package update

// outcomes is which actors of a transfer have said how they ended. An actor may exit before the
// updater can watch it; it is not lost if it has said its outcome, which comes before its exit.
type outcomes struct {
	fetched uint64 // run of the last downloader that did
	applied uint64 // run of the last applier that did
}

// note notes the outcome that msg is, if it is one.
func (o *outcomes) note(msg any) {
	switch m := msg.(type) {
	case fetched:
		o.fetched = m.run
	case fetchFailed:
		o.fetched = m.run
	case applied:
		if !m.flips { // else its flip follows
			o.applied = m.run
		}
	case applyFailed:
		o.applied = m.run
	case flipEnded:
		o.applied = m.run
	}
}

// told reports whether the downloader, or else the applier, of a run has said its outcome.
func (o *outcomes) told(downloader bool, run uint64) bool {
	if downloader {
		return o.fetched == run
	}
	return o.applied == run
}
