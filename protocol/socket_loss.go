package protocol

import (
	"fmt"
	"time"
)

const (
	// a close this soon after joining may be the work of a second device ...
	quickClose      = 10 * time.Second
	quickCloseLimit = 3 // ... when it happens this often in a row
)

// lost: the byte stream has ended. Without a hang-up of our own it is somebody else's doing.
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

// judge counts closes soon after joining: two devices with one identity throw each other out for
// ever.
func (s *Socket) judge(cause error) error {
	switch {
	case s.joined.IsZero() || s.code == closeRestart:
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

// gone: nothing is left of the socket. What comes next was decided before, or is a wait because of
// cause.
func (s *Socket) gone(cause error, out []SocketEffect) []SocketEffect {
	switch {
	case s.stopping:
		s.phase, s.due = socketStopped, time.Time{}
		return out
	case s.again:
		s.again = false
		return s.dial(out)
	case cause == nil:
		cause = ErrHeartbeatTimeout // the one hang-up that is neither asked for nor final
	}
	return s.wait(cause, 0, out)
}

// wait plans the next dial after a failure; after comes on top, so that the devices that the hub
// sends away come back spread out.
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
	case s.code == closeRestart:
		return s.cfg.Backoff.restart(s.rng, s.failures)
	case s.absent:
		return s.cfg.Backoff.absent(s.rng, s.failures)
	default:
		return s.cfg.Backoff.wait(s.rng, s.failures)
	}
}
