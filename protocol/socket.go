package protocol

import (
	"math/rand/v2"
	"time"
)

// SocketConfig sets the times of a Socket; the zero value means the defaults.
type SocketConfig struct {
	Heartbeat time.Duration // between heartbeats, and how long a reply may take; zero: 30 s
	Hangup    time.Duration // how long a hang-up may take before the socket counts as lost; zero: 10 s
	Backoff   Backoff
}

// Close codes of RFC 6455 that mean something here.
const (
	closeNormal  = 1000
	closeRestart = 1012
)

type socketPhase uint8

const (
	socketIdle    socketPhase = iota // not started
	socketDialing                    // DoDial is out, its answer is awaited
	socketUp                         // open
	socketHanging                    // DoHangup is out, SocketLost is awaited
	socketWaiting                    // until the next dial
	socketStopped                    // for good
)

// Socket is the core of one connection object: it dials, keeps the socket alive with heartbeats,
// gives every message its ref, and decides when to dial again. It is a plain value: an owner may
// step a copy and keep that when the step came to its end.
type Socket struct {
	cfg       SocketConfig
	rng       *rand.Rand
	phase     socketPhase
	stopping  bool      // no further dial
	again     bool      // dial at once when the hang-up is over
	absent    bool      // the hub has said that it restarts, and was not back when we dialled
	joined    time.Time // when the device channel joined on this socket; zero: not yet
	gen       uint64
	ref       uint64    // the last one given
	heartbeat uint64    // ref of the heartbeat that awaits its reply; 0: none
	due       time.Time // of the phase: heartbeat, end of the hang-up, dial
	now       time.Time // of the last step
	failures  int       // since the last device join
	quick     int       // closes in a row that came soon after joining
	code      int       // of the close that the wait is for
}

// NewSocket makes a socket core that waits for SocketStart. rng is for jitter only.
func NewSocket(cfg SocketConfig, rng *rand.Rand) Socket {
	cfg.Heartbeat = orDefault(cfg.Heartbeat, 30*time.Second)
	cfg.Hangup = orDefault(cfg.Hangup, 10*time.Second)
	cfg.Backoff = cfg.Backoff.withDefaults()
	return Socket{cfg: cfg, rng: rng}
}

// Up reports whether messages can be sent.
func (s *Socket) Up() bool { return s.phase == socketUp }

// Dialing reports whether a DoDial has not been answered yet.
func (s *Socket) Dialing() bool { return s.phase == socketDialing }

// Stopped reports whether the socket is gone for good.
func (s *Socket) Stopped() bool { return s.phase == socketStopped }

// Gen is the generation of the current or last socket; 0 before the first.
func (s *Socket) Gen() uint64 { return s.gen }

// Failures is how many dials and sockets failed since the device channel last joined.
func (s *Socket) Failures() int { return s.failures }

// NextDial is when the next dial comes; zero when none is waited for.
func (s *Socket) NextDial() time.Time {
	if s.phase != socketWaiting {
		return time.Time{}
	}
	return s.due
}

// Deadline is when Step wants to be called at the latest; zero: only when something happens.
func (s *Socket) Deadline() time.Time { return s.due }

// Step takes in what happened at now and appends what is to be done to out. Every input is allowed
// at any time.
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

// follow notes the time. A clock that was set back takes everything planned back with it.
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
		return append(out, SocketEffect{Kind: DoHangup, Code: closeNormal, Reason: "stopped"})
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
	s.absent = s.absent || s.code == closeRestart
	s.code = 0
	return s.wait(in.Cause, min(in.After, RetryAfterMax), out)
}

// beat sends a heartbeat, or hangs up when the last one was not answered.
func (s *Socket) beat(out []SocketEffect) []SocketEffect {
	if s.heartbeat != 0 {
		s.quick = 0 // nobody threw this one out
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

// hangup closes the socket. For everybody it is gone from here on; the next dial waits until it
// really is.
func (s *Socket) hangup(reason string, cause error, out []SocketEffect) []SocketEffect {
	s.phase, s.due, s.code = socketHanging, s.now.Add(s.cfg.Hangup), 0
	return append(out,
		SocketEffect{Kind: DoHangup, Code: closeNormal, Reason: reason},
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

// earlier moves t back; the zero time stays.
func earlier(t time.Time, by time.Duration) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(-by)
}
