package supervisor

// verdict is what becomes of a child that has ended by itself.
type verdict uint8

const (
	restart verdict = iota
	keep            // stays known, not running; may be restarted by hand or together with a sibling
	forget          // removed
)

// judge applies a restart type to an exit reason.
func judge(r Restart, reason error) verdict {
	switch {
	case r == Temporary:
		return forget
	case r == Transient && orderly(reason):
		return keep
	default:
		return restart
	}
}

// affected says which of n children (in start order) have to be stopped before child i can be
// started again, and which are started then: the half-open ranges [stop, n) without i, and [start,
// end). Temporary ones among them are stopped, not started.
func affected(s Strategy, i, n int) (first, end int) {
	switch s {
	case OneForAll:
		return 0, n
	case RestForOne:
		return i, n
	default:
		return i, i + 1
	}
}
