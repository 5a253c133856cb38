package protocol

import (
	"math/rand/v2"
	"time"
)

// SocketConfig sets the times of a Socket; the zero value means the defaults.
type SocketConfig struct {
	Heartbeat time.Duration // between heartbeats, and how long a reply may take; zero: 30 s
	Hangup    time.Duration // how long a hang-up may take until the socket counts as lost; zero: 10 s
	Backoff   Backoff
}

type socketPhase uint8

const (
	socketIdle    socketPhase = iota // not started
	socketDialing                    // waits for the answer to DoDial
	socketUp                         // open
	socketHanging                    // waits for SocketLost after DoHangup
	socketWaiting                    // until the next dial
	socketStopped                    // for good
)

// Socket is the core of the connection to a hub. It dials, keeps the socket alive with heartbeats,
// gives every message its ref, and decides when to dial again. It is a plain value: an owner may
// step a copy and keep the copy when the step has returned.
type Socket struct {
	cfg       SocketConfig
	rng       *rand.Rand
	phase     socketPhase
	stopping  bool      // no further dial
	again     bool      // dial at once when the hang-up is over
	absent    bool      // the dial after close 1012 failed
	joined    time.Time // when the device channel joined on this socket; zero: not yet
	gen       uint64
	ref       uint64    // the last one that was given
	heartbeat uint64    // ref of the heartbeat that waits for its reply; 0 means none
	due       time.Time // deadline of the phase: heartbeat, end of the hang-up, dial
	now       time.Time // of the last step
	failures  int       // since the last device join
	quick     int       // closes soon after a join, in a row
	code      int       // close code of the last socket
}

// NewSocket returns a socket core that waits for SocketStart. It uses rng for jitter only.
func NewSocket(cfg SocketConfig, rng *rand.Rand) Socket {
	cfg.Heartbeat = orDefault(cfg.Heartbeat, 30*time.Second)
	cfg.Hangup = orDefault(cfg.Hangup, 10*time.Second)
	cfg.Backoff = cfg.Backoff.withDefaults()
	return Socket{cfg: cfg, rng: rng}
}

// Up reports whether the socket sends messages.
func (s *Socket) Up() bool { return s.phase == socketUp }

// Dialing reports whether a DoDial waits for its answer.
func (s *Socket) Dialing() bool { return s.phase == socketDialing }

// Stopped reports whether the socket has stopped for good.
func (s *Socket) Stopped() bool { return s.phase == socketStopped }

// Gen returns the generation of the current or last socket, or 0 before the first.
func (s *Socket) Gen() uint64 { return s.gen }

// Failures returns how many dials and sockets failed since the device channel last joined.
func (s *Socket) Failures() int { return s.failures }

// NextDial returns the time of the next dial, or zero when no dial is planned.
func (s *Socket) NextDial() time.Time {
	if s.phase != socketWaiting {
		return time.Time{}
	}
	return s.due
}

// Deadline returns the latest time for the next call of Step. Zero means that Step waits for an
// input.
func (s *Socket) Deadline() time.Time { return s.due }

// Step applies the input that happened at now and appends its effects to out. It accepts every
// input in every state.
func (s *Socket) Step(now time.Time, in SocketInput, out []SocketEffect) []SocketEffect {
	s.follow(now)
	switch in.Kind {
	case SocketStart:
		if s.phase == socketIdle {
			out = s.dial(out)
		}
	case SocketOpened:
		out = s.opened(out)
	case SocketDialFailed:
		out = s.dialFailed(in, out)
	case SocketReceived:
		out = s.received(in.Msg, out)
	case SocketTransmit:
		out = s.transmit(in, out)
	case SocketLost:
		out = s.lost(in, out)
	case SocketJoined:
		s.deviceJoined()
	case SocketReconnect:
		out = s.reconnect(out)
	case SocketStop:
		out = s.stop(out)
	case SocketTick:
	}
	return s.tick(out)
}

// follow notes the time and moves all deadlines back by as much as the clock was set back.
func (s *Socket) follow(now time.Time) {
	if back := s.now.Sub(now); back > 0 && !s.now.IsZero() {
		s.due = earlier(s.due, back)
		s.joined = earlier(s.joined, back)
	}
	s.now = now
}

func (s *Socket) tick(out []SocketEffect) []SocketEffect {
	if s.due.IsZero() || s.now.Before(s.due) {
		return out
	}
	switch s.phase {
	case socketUp:
		return s.beat(out)
	case socketHanging:
		return s.gone(nil, out)
	case socketWaiting:
		return s.dial(out)
	default:
		return out
	}
}

func (s *Socket) dial(out []SocketEffect) []SocketEffect {
	s.phase, s.due = socketDialing, time.Time{}
	return append(out, SocketEffect{Kind: DoDial})
}

func (s *Socket) opened(out []SocketEffect) []SocketEffect {
	if s.phase != socketDialing {
		return out
	}
	if s.stopping {
		s.phase, s.due = socketHanging, s.now.Add(s.cfg.Hangup)
		return append(out, SocketEffect{Kind: DoHangup, Code: CloseNormal, Reason: "stopped"})
	}
	s.gen++
	s.phase, s.due = socketUp, s.now.Add(s.cfg.Heartbeat)
	s.heartbeat, s.joined, s.code, s.absent = 0, time.Time{}, 0, false
	return append(out, SocketEffect{Kind: DoUp, Gen: s.gen})
}

func (s *Socket) dialFailed(in SocketInput, out []SocketEffect) []SocketEffect {
	if s.phase != socketDialing {
		return out
	}
	s.absent = s.absent || s.code == CloseServiceRestart
	s.code = 0
	return s.wait(in.Cause, min(in.After, RetryAfterMax), out)
}

// beat sends a heartbeat, or hangs up when the hub did not answer the last one.
func (s *Socket) beat(out []SocketEffect) []SocketEffect {
	if s.heartbeat != 0 {
		s.quick = 0 // not closed by the hub
		return s.hangup("heartbeat timeout", ErrHeartbeatTimeout, out)
	}
	s.ref++
	s.heartbeat, s.due = s.ref, s.now.Add(s.cfg.Heartbeat)
	msg := Message{Ref: refText(s.ref), Topic: TopicPhoenix, Event: EventHeartbeat}
	return append(out, SocketEffect{Kind: DoSend, Msg: msg})
}

func (s *Socket) received(m Message, out []SocketEffect) []SocketEffect {
	if s.phase != socketUp {
		return append(out, SocketEffect{Kind: DoDrop, Msg: m})
	}
	if m.Topic != TopicPhoenix {
		return append(out, SocketEffect{Kind: DoDeliver, Msg: m})
	}
	if ref, ok := refNumber(m.Ref); !ok || ref != s.heartbeat || m.Event != EventReply {
		return append(out, SocketEffect{Kind: DoDrop, Msg: m})
	}
	s.heartbeat = 0
	return append(out, SocketEffect{Kind: DoConfirm, Msg: m})
}

func (s *Socket) transmit(in SocketInput, out []SocketEffect) []SocketEffect {
	if s.phase != socketUp {
		return append(out, SocketEffect{Kind: DoDrop, Msg: in.Msg, Tag: in.Tag})
	}
	s.ref++
	m := in.Msg
	m.Ref = refText(s.ref)
	if m.Event == EventJoin {
		m.JoinRef = m.Ref
	}
	out = append(out, SocketEffect{Kind: DoSend, Msg: m})
	m.Payload = nil
	return append(out, SocketEffect{Kind: DoSent, Msg: m, Tag: in.Tag})
}

func (s *Socket) deviceJoined() {
	if s.phase != socketUp {
		return
	}
	s.failures = 0
	if s.joined.IsZero() {
		s.joined = s.now
	}
}

// hangup closes the socket and takes it down for the channels. The next dial waits for SocketLost.
func (s *Socket) hangup(reason string, cause error, out []SocketEffect) []SocketEffect {
	s.phase, s.due, s.code = socketHanging, s.now.Add(s.cfg.Hangup), 0
	return append(out,
		SocketEffect{Kind: DoHangup, Code: CloseNormal, Reason: reason},
		SocketEffect{Kind: DoDown, Gen: s.gen, Cause: cause})
}

func (s *Socket) reconnect(out []SocketEffect) []SocketEffect {
	if s.stopping {
		return out
	}
	s.failures, s.quick = 0, 0
	switch s.phase {
	case socketWaiting:
		return s.dial(out)
	case socketHanging:
		s.again = true
	case socketUp:
		s.again = true
		return s.hangup("reconnect", ErrReconnect, out)
	default:
	}
	return out
}

func (s *Socket) stop(out []SocketEffect) []SocketEffect {
	s.stopping = true
	switch s.phase {
	case socketUp:
		return s.hangup("stopped", ErrStopped, out)
	case socketIdle, socketWaiting:
		s.phase, s.due = socketStopped, time.Time{}
	default:
	}
	return out
}

// earlier returns t moved back by by. The zero time stays zero.
func earlier(t time.Time, by time.Duration) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(-by)
}
