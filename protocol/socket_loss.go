package protocol

import (
	"fmt"
	"time"
)

const (
	// A hub that sees a second device with the same identity closes the socket of the first. Three
	// closes in a row, each this soon after a join, count as such. Both numbers are decisions.
	quickClose      = 10 * time.Second
	quickCloseLimit = 3
)

// lost handles the end of the byte stream. Without a DoHangup before it, the hub or the network
// ended it.
func (s *Socket) lost(in SocketInput, out []SocketEffect) []SocketEffect {
	switch s.phase {
	case socketHanging:
		return s.gone(nil, out)
	case socketUp:
		cause := in.Cause
		if cause == nil {
			cause = fmt.Errorf("%w with code %d", ErrClosed, in.Code)
		}
		s.code = in.Code
		cause = s.judge(cause)
		out = append(out, SocketEffect{Kind: DoDown, Gen: s.gen, Cause: cause})
		return s.gone(cause, out)
	default:
		return out
	}
}

// judge counts closes soon after a join, and adds ErrDuplicateIdentity to the cause at the limit.
func (s *Socket) judge(cause error) error {
	switch {
	case s.joined.IsZero() || s.code == CloseServiceRestart:
		return cause
	case s.now.Sub(s.joined) > quickClose:
		s.quick = 0
		return cause
	}
	if s.quick++; s.quick < quickCloseLimit {
		return cause
	}
	return fmt.Errorf("%w: %w", ErrDuplicateIdentity, cause)
}

// gone plans what follows the end of a socket: nothing after a stop, a dial after SocketReconnect,
// else a wait because of cause.
func (s *Socket) gone(cause error, out []SocketEffect) []SocketEffect {
	switch {
	case s.stopping:
		s.phase, s.due = socketStopped, time.Time{}
		return out
	case s.again:
		s.again = false
		return s.dial(out)
	case cause == nil:
		cause = ErrHeartbeatTimeout // the only other reason for a hang-up
	}
	return s.wait(cause, 0, out)
}

// wait plans the next dial after a failure. It adds the jitter to after (Retry-After), so that the
// devices that the hub refused dial at different times.
func (s *Socket) wait(cause error, after time.Duration, out []SocketEffect) []SocketEffect {
	if s.stopping {
		s.phase, s.due = socketStopped, time.Time{}
		return out
	}
	s.failures++
	s.phase, s.due = socketWaiting, s.now.Add(max(after, 0)+s.draw())
	return append(out, SocketEffect{Kind: DoWait, Until: s.due, Cause: cause})
}

func (s *Socket) draw() time.Duration {
	switch {
	case s.quick >= quickCloseLimit:
		return s.cfg.Backoff.slow(s.rng)
	case s.code == CloseServiceRestart:
		return s.cfg.Backoff.restart(s.rng, s.failures)
	case s.absent:
		return s.cfg.Backoff.absent(s.rng, s.failures)
	default:
		return s.cfg.Backoff.wait(s.rng, s.failures)
	}
}
