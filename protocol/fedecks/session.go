package fedecks

import (
	"cmp"
	"time"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/etf"
)

// SessionConfig configures a session of a server. The zero value of a field means the value in its
// comment.
type SessionConfig struct {
	Refresh time.Duration // time between new tokens; 3 h
	// time between pings to the device; none, because the original client does not answer them
	Ping time.Duration
	// time for which pushes and notes wait for the first message of the device; they do not wait
	Settle time.Duration
	Codec  Codec
}

// SessionInput is one event of a session. Kind decides which fields are set. The zero value means
// that time has passed.
type SessionInput struct {
	Kind   SessionInputKind
	Data   []byte // Received, Push
	Text   bool   // Received: in a text frame
	Token  string // Token
	Note   any    // Note
	Answer Answer // Answered
	Code   int    // Stop: a close code
	Reason string // Stop: for the close frame
}

// SessionInputKind names an event of a session.
type SessionInputKind uint8

// The events of a session.
const (
	SessionTick     SessionInputKind = iota // time has passed
	SessionStart                            // the server answered the upgrade with 101
	SessionReceived                         // a message arrived
	SessionToken                            // the token of DoIssueToken
	SessionAnswered                         // a callback has returned
	SessionStop                             // end the session
	SessionLost                             // the connection has ended
	SessionPush                             // Data is for the device
	SessionNote                             // Note is for HandleInfo
)

// Answer is the result of a callback. The zero Answer does nothing.
type Answer struct {
	Send   any    // a term or Go value to send; nil means nothing
	Stop   bool   // end the session after that
	Code   int    // close code; zero means CloseNormal
	Reason string // for the close frame
}

// SessionEffect is one effect that the owner of a session carries out. Kind decides which fields
// are set.
type SessionEffect struct {
	Kind   SessionEffectKind
	Term   etf.Term // HandleIn
	Data   []byte   // HandleRaw, Send, Push
	Note   any      // HandleInfo
	Code   int      // Close
	Reason string   // Close
	Cause  error    // Unsendable
}

// SessionEffectKind names an effect of a session.
type SessionEffectKind uint8

// The effects of a session.
const (
	DoEstablished SessionEffectKind = iota + 1 // call ConnectionEstablished
	DoIssueToken                               // make a token; answer with SessionToken
	DoHandleIn                                 // call HandleIn with Term; answer with SessionAnswered
	// call HandleRawIn with Data; answer with SessionAnswered
	DoHandleRaw
	DoSend       // write Data as a binary message
	DoClose      // close the connection; the last effect
	DoPingDevice // ping
	DoUnsendable // report an answer that cannot be sent, because of Cause
	DoPush       // write Data of a SessionPush as a binary message
	DoHandleInfo // call HandleInfo with Note; answer with SessionAnswered
)

// Session is the core of one connection on the server's end. It sorts messages, sends tokens and
// turns answers of callbacks into messages. Its owner gives it the answer of a callback before it
// carries out the next effect.
//
// A session holds pushes and notes back until the device has sent its first message, or for
// SessionConfig.Settle. The original client loses the connection when a message arrives together
// with the answer to its upgrade request; it asks for a token as soon as it has read that answer.
//
// A server closes with protocol.CloseNormal when the handler stops the session, CloseGoingAway when
// the server stops, ClosePolicy when another session of the device takes its place or the device is
// revoked, CloseInternalError when a callback fails, and CloseServiceRestart when the server
// restarts.
type Session struct {
	cfg     SessionConfig
	refresh time.Time
	ping    time.Time // zero means none
	held    *held     // nil means settled: pushes and notes do not wait
	over    bool
	answers bool // over, but callbacks before the close still answer
}

// held has the pushes and notes that wait for a session to settle.
type held struct {
	until time.Time // zero means not started
	early []SessionEffect
}

// NewSession returns a core that waits for SessionStart.
func NewSession(cfg SessionConfig) Session {
	cfg.Refresh = cmp.Or(cfg.Refresh, 3*time.Hour)
	s := Session{cfg: cfg}
	if cfg.Settle > 0 {
		s.held = &held{}
	}
	return s
}

// Over reports whether the session ended.
func (s *Session) Over() bool { return s.over }

// Deadline returns the latest time for the next call of Step. Zero means that Step waits for an
// input.
func (s *Session) Deadline() (first time.Time) {
	for _, t := range [...]time.Time{s.refresh, s.ping, s.settles()} {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// Step applies the input that happened at now and appends its effects to out. It accepts every
// input in every state.
func (s *Session) Step(now time.Time, in SessionInput, out []SessionEffect) []SessionEffect {
	if s.over && (!s.answers || in.Kind != SessionAnswered) {
		return out
	}
	switch in.Kind {
	case SessionStart:
		out = s.start(now, out)
	case SessionReceived:
		out = s.received(in, s.release(out))
	case SessionToken:
		if data, err := tokenMessage(in.Token); err == nil {
			out = append(out, SessionEffect{Kind: DoSend, Data: data})
		}
	case SessionAnswered:
		out = s.answered(in.Answer, out)
	case SessionStop:
		s.answers = s.held != nil && len(s.held.early) > 0
		return s.close(in.Code, in.Reason, s.release(out))
	case SessionLost:
		s.end()
		return out
	case SessionPush:
		out = s.deliver(SessionEffect{Kind: DoPush, Data: in.Data}, out)
	case SessionNote:
		out = s.deliver(SessionEffect{Kind: DoHandleInfo, Note: in.Note}, out)
	case SessionTick:
	}
	if due(s.settles(), now) {
		out = s.release(out)
	}
	if due(s.refresh, now) {
		s.refresh = now.Add(s.cfg.Refresh)
		out = append(out, SessionEffect{Kind: DoIssueToken})
	}
	if due(s.ping, now) {
		s.ping = now.Add(s.cfg.Ping)
		out = append(out, SessionEffect{Kind: DoPingDevice})
	}
	return out
}

func (s *Session) start(now time.Time, out []SessionEffect) []SessionEffect {
	if !s.refresh.IsZero() {
		return out
	}
	s.refresh = now.Add(s.cfg.Refresh)
	if s.cfg.Ping > 0 {
		s.ping = now.Add(s.cfg.Ping)
	}
	if s.held != nil {
		s.held.until = now.Add(s.cfg.Settle)
	}
	return append(out, SessionEffect{Kind: DoEstablished})
}

// deliver appends e to out, or keeps it while the session is not settled.
func (s *Session) deliver(e SessionEffect, out []SessionEffect) []SessionEffect {
	if s.held != nil {
		s.held.early = append(s.held.early, e)
		return out
	}
	return append(out, e)
}

// release settles the session and appends the pushes and notes that waited to out.
func (s *Session) release(out []SessionEffect) []SessionEffect {
	if s.held != nil {
		out = append(out, s.held.early...)
		s.held = nil
	}
	return out
}

// settles returns until when pushes and notes wait. Zero means that no time is set.
func (s *Session) settles() time.Time {
	if s.held == nil {
		return time.Time{}
	}
	return s.held.until
}

func (s *Session) end() {
	s.over, s.refresh, s.ping, s.held = true, time.Time{}, time.Time{}, nil
}

// received separates control messages, terms and raw octets. Like the original it ignores text
// frames.
func (s *Session) received(in SessionInput, out []SessionEffect) []SessionEffect {
	if in.Text {
		return out
	}
	t, err := s.cfg.Codec.Decode(in.Data)
	switch {
	case err != nil:
		return append(out, SessionEffect{Kind: DoHandleRaw, Data: in.Data})
	case isTokenRequest(t):
		return append(out, SessionEffect{Kind: DoIssueToken})
	}
	return append(out, SessionEffect{Kind: DoHandleIn, Term: t})
}

func (s *Session) answered(a Answer, out []SessionEffect) []SessionEffect {
	if a.Send != nil {
		data, err := Encode(a.Send)
		if err != nil {
			out = append(out, SessionEffect{Kind: DoUnsendable, Cause: err})
		} else {
			out = append(out, SessionEffect{Kind: DoSend, Data: data})
		}
	}
	if a.Stop && !s.over {
		return s.close(a.Code, a.Reason, out)
	}
	return out
}

func (s *Session) close(code int, reason string, out []SessionEffect) []SessionEffect {
	s.end()
	code = cmp.Or(code, protocol.CloseNormal)
	return append(out, SessionEffect{Kind: DoClose, Code: code, Reason: reason})
}
