package supervisor

// life is how far one incarnation has come. The cell's lock guards it.
type life struct {
	stage stage
	flags flags
}

// stage is the method of the Behavior that runs, or runs next.
type stage uint8

const (
	inInit       stage = iota // New and Init
	inReceive                 // at work
	inTerminate               // exiting: Terminate runs
	inGoroutines              // exiting: Terminate has returned, linked goroutines run
)

// flags of a cell.
type flags uint8

const (
	scheduled  flags = 1 << iota // a worker runs its turn, or will
	closed                       // the mailbox takes no messages of other actors
	exited                       // the mailbox takes nothing
	abandoned                    // no longer waited for: it must not change shared state
	registered                   // protoactor's registry has the PID
	announced                    // Done is closed and the monitors are told
)

func (l *life) is(f flags) bool { return l.flags&f != 0 }

func (l *life) mark(f flags) { l.flags |= f }

func (l *life) unmark(f flags) { l.flags &^= f }

// exiting reports whether the incarnation takes on nothing new: it exits or was abandoned.
func (l *life) exiting() bool { return l.stage >= inTerminate || l.is(abandoned) }

// schedule reports whether the caller has to give the cell to a worker.
func (l *life) schedule() bool {
	if l.is(scheduled) {
		return false
	}
	l.mark(scheduled)
	return true
}
