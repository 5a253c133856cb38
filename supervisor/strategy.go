package supervisor

// verdict is what becomes of a child that has exited by itself.
type verdict uint8

const (
	restartIt verdict = iota
	keepIt            // it stays in the list, down; an order or the restart of a sibling starts it
	removeIt          // it leaves the list
)

// verdictOn applies a restart type to an exit reason.
func verdictOn(r Restart, reason error) verdict {
	switch {
	case r == Temporary:
		return removeIt
	case r == Transient && orderly(reason):
		return keepIt
	default:
		return restartIt
	}
}

// affected returns the half-open range [first, end) of the n children, in start order, that are
// stopped and started together when child i has crashed. Temporary ones among them are stopped and
// not started.
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
