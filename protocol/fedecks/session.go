package fedecks

import (
	"cmp"
	"time"

	"github.com/hublink-go/hublink/protocol/etf"
)

// Close codes of a server.
const (
	CloseNormal  = 1000 // stopped by the handler
	CloseAway    = 1001 // the server goes away
	ClosePolicy  = 1008 // another session of the device took its place, or it was revoked
	CloseError   = 1011 // a callback failed
	CloseRestart = 1012 // come back in a moment
)

// SessionConfig sets a server's session up. Zero fields mean the value given with them.
type SessionConfig struct {
	Refresh time.Duration // a new token is pushed this often; 3 h
	// between pings to the device; none, because clients of the original do not answer them
	Ping  time.Duration
	Codec Codec
}

// SessionInput is one thing that happened to a session; Kind says which fields are set. The zero
// value means "time has passed".
type SessionInput struct {
	Kind   SessionInputKind
	Data   []byte // Received
	Text   bool   // Received: in a text frame
	Token  string // Token
	Answer Answer // Answered
	Code   int    // Stop
	Reason string // Stop: for the close frame
}

// SessionInputKind names what happened.
type SessionInputKind uint8

// What can happen to a session.
const (
	SessionTick     SessionInputKind = iota // time has passed
	SessionStart                            // the upgrade was answered with 101
	SessionReceived                         // a message came
	SessionToken                            // the token asked for by DoIssueToken
	SessionAnswered                         // a callback has returned
	SessionStop                             // end the session
	SessionLost                             // the connection has ended
)

// Answer is what a callback wants done. The zero Answer is nothing.
type Answer struct {
	Send   any    // a term or Go value to send; nil: nothing
	Stop   bool   // end the session after that
	Code   int    // of the close; zero: CloseNormal
	Reason string // for the close frame
}

// SessionEffect is one thing to do, in order; Kind says which fields are set.
type SessionEffect struct {
	Kind   SessionEffectKind
	Term   etf.Term // HandleIn
	Data   []byte   // HandleRaw, Write
	Code   int      // Close
	Reason string   // Close
	Cause  error    // Unsendable
}

// SessionEffectKind names what to do.
type SessionEffectKind uint8

// What a session can ask for.
const (
	DoEstablished SessionEffectKind = iota + 1 // call ConnectionEstablished
	DoIssueToken                               // make a token; answer with SessionToken
	DoHandleIn                                 // call HandleIn with Term; answer with SessionAnswered
	// call HandleRawIn with Data; answer with SessionAnswered
	DoHandleRaw
	DoSend       // write Data as a binary message
	DoClose      // close the connection; nothing follows
	DoPingDevice // ping
	DoUnsendable // an answer cannot be sent, for Cause: report it
)

// Session is the core of one connection on the server's end: what a message is, when tokens go out,
// what answers become.
type Session struct {
	cfg     SessionConfig
	refresh time.Time
	ping    time.Time // zero: none
	over    bool
}

// NewSession returns a core that waits for SessionStart.
func NewSession(cfg SessionConfig) Session {
	cfg.Refresh = cmp.Or(cfg.Refresh, 3*time.Hour)
	return Session{cfg: cfg}
}

// Over reports whether the session has ended.
func (s *Session) Over() bool { return s.over }

// Deadline is when Step wants to be called at the latest; zero: only when something happens.
func (s *Session) Deadline() time.Time {
	if !s.ping.IsZero() && s.ping.Before(s.refresh) {
		return s.ping
	}
	return s.refresh
}

// Step takes in what happened at now and appends what is to be done to out. Every input is allowed
// at any time.
func (s *Session) Step(now time.Time, in SessionInput, out []SessionEffect) []SessionEffect {
	if s.over {
		return out
	}
	switch in.Kind {
	case SessionStart:
		if s.refresh.IsZero() {
			s.refresh = now.Add(s.cfg.Refresh)
			if s.cfg.Ping > 0 {
				s.ping = now.Add(s.cfg.Ping)
			}
			out = append(out, SessionEffect{Kind: DoEstablished})
		}
	case SessionReceived:
		out = s.received(in, out)
	case SessionToken:
		if data, err := tokenMessage(in.Token); err == nil {
			out = append(out, SessionEffect{Kind: DoSend, Data: data})
		}
	case SessionAnswered:
		out = s.answered(in.Answer, out)
	case SessionStop:
		return s.close(in.Code, in.Reason, out)
	case SessionLost:
		s.end()
		return out
	case SessionTick:
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

func (s *Session) end() { s.over, s.refresh, s.ping = true, time.Time{}, time.Time{} }

// received tells control, terms and raw octets apart. Text frames are ignored, as the original
// does.
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
	if a.Stop {
		return s.close(a.Code, a.Reason, out)
	}
	return out
}

func (s *Session) close(code int, reason string, out []SessionEffect) []SessionEffect {
	s.end()
	return append(out, SessionEffect{Kind: DoClose, Code: cmp.Or(code, CloseNormal), Reason: reason})
}
