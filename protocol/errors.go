package protocol

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Reasons for the loss of a socket or a channel. errors.Is finds them in the Cause of an effect.
var (
	ErrHeartbeatTimeout  = errors.New("heartbeat was not answered")
	ErrDuplicateIdentity = errors.New(
		"duplicate identity suspected: closed within seconds of joining, three times in a row; " +
			"check whether another device has the same identity",
	)
	ErrReconnect      = errors.New("reconnect was asked for")
	ErrStopped        = errors.New("hung up on request")
	ErrClosed         = errors.New("socket closed")
	ErrJoinTimeout    = errors.New("join was not answered in time")
	ErrChannelCrashed = errors.New("channel crashed on the hub")
	ErrChannelClosed  = errors.New("channel closed by the hub")
)

// DecodeError is the reason why a frame cannot be read. It contains no text of the frame.
type DecodeError struct {
	Reason string // a fixed text
	Offset int64  // bytes into the frame
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("decode message: %s at byte %d", e.Reason, e.Offset)
}

// JoinError is the hub's refusal of a join.
type JoinError struct {
	Topic  string
	Reason string // as the hub gave it, shortened
}

func (e *JoinError) Error() string {
	return fmt.Sprintf("join %s: refused by the hub: %s", e.Topic, e.Reason)
}

// Unmatched reports whether the hub has no such topic. Old hubs answer so for topics of later
// releases.
func (e *JoinError) Unmatched() bool { return e.Reason == reasonUnmatched }

// ReplyError is the hub's refusal of a push.
type ReplyError struct {
	Topic  string
	Reason string // as the hub gave it, shortened
}

func (e *ReplyError) Error() string {
	return fmt.Sprintf("push to %s: refused by the hub: %s", e.Topic, e.Reason)
}

const (
	reasonUnmatched = "unmatched topic"
	reasonUnknown   = "no reason given"
	reasonMax       = 200 // bytes
)

// reasonOf returns the reason of an error reply: the response when it is a string, else its member
// "reason" or "error" (NervesHub uses both).
func reasonOf(response jsontext.Value) string {
	switch response.Kind() {
	case '"':
		if text, err := jsontext.AppendUnquote(nil, response); err == nil {
			return printable(text)
		}
	case '{':
		for _, name := range [...]string{"reason", "error"} {
			if v, ok := member(response, name); ok && v.Kind() == '"' {
				return reasonOf(v)
			}
		}
	}
	return reasonUnknown
}

// printable shortens a peer's text and replaces its control characters, for a log line.
func printable(text []byte) string {
	if len(text) > reasonMax {
		text = text[:reasonMax]
		for len(text) > 0 && !utf8.FullRune(lastRune(text)) {
			text = text[:len(text)-len(lastRune(text))]
		}
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(string(text), "?"))
}

// lastRune returns the bytes of the last rune of text.
func lastRune(text []byte) []byte {
	for i := len(text) - 1; i >= 0; i-- {
		if utf8.RuneStart(text[i]) {
			return text[i:]
		}
	}
	return text
}
