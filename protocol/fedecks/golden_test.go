package fedecks

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/etf"
	"github.com/hublink-go/hublink/tests/golden"
)

var epoch = golden.Epoch()

func word(words []string, i int) string {
	if i < len(words) {
		return words[i]
	}
	return ""
}

func number(t *testing.T, words []string, i int) uint64 {
	n, err := strconv.ParseUint(word(words, i), 10, 64)
	require.NoError(t, err, "%v", words)
	return n
}

// wired is a client as in the transcripts.
type wired struct{ core Client }

func (w *wired) Deadline() time.Time { return w.core.Deadline() }

func (w *wired) input(t *testing.T, words []string) ClientInput {
	switch word(words, 0) {
	case "start":
		return ClientInput{Kind: ClientStart, Token: word(words, 1)}
	case "login":
		return ClientInput{
			Kind:        ClientLogin,
			Credentials: etf.Map{{Key: etf.Binary("user"), Value: etf.Binary("bob")}},
		}
	case "opened":
		return ClientInput{Kind: ClientOpened, Gen: number(t, words, 1)}
	case "failed":
		status, _ := strconv.Atoi(word(words, 2))
		after, _ := time.ParseDuration(word(words, 3))
		return ClientInput{
			Kind:   ClientDialFailed,
			Gen:    number(t, words, 1),
			Status: status,
			After:  after,
			Cause:  errors.New("no"),
		}
	case "token":
		data, err := tokenMessage(word(words, 2))
		require.NoError(t, err)
		return ClientInput{Kind: ClientReceived, Gen: number(t, words, 1), Data: data}
	case "message":
		data, err := Encode(word(words, 2))
		require.NoError(t, err)
		return ClientInput{Kind: ClientReceived, Gen: number(t, words, 1), Data: data}
	case "garbage":
		return ClientInput{Kind: ClientReceived, Gen: number(t, words, 1), Data: []byte("x")}
	case "pong":
		return ClientInput{Kind: ClientPong, Gen: number(t, words, 1), Data: []byte(word(words, 2))}
	case "lost":
		return ClientInput{Kind: ClientLost, Gen: number(t, words, 1), Cause: errors.New("gone")}
	case "send":
		data, err := Encode(word(words, 2))
		require.NoError(t, err)
		return ClientInput{Kind: ClientSend, Tag: number(t, words, 1), Data: data}
	case "reconnect":
		return ClientInput{Kind: ClientReconnect}
	case "stop":
		return ClientInput{Kind: ClientStop}
	case "":
		return ClientInput{}
	}
	t.Fatalf("unknown input %v", words)
	return ClientInput{}
}

func (w *wired) Step(t *testing.T, now time.Time, words []string) (lines []string) {
	for _, e := range w.core.Step(now, w.input(t, words), nil) {
		lines = append(lines, showClient(e))
	}
	return append(lines, "= "+w.core.Status().String())
}

func showClient(e ClientEffect) string {
	switch e.Kind {
	case DoDial:
		if e.Credentials != nil {
			return fmt.Sprintf("dial %d with credentials", e.Gen)
		}
		return fmt.Sprintf("dial %d with %s", e.Gen, e.Token)
	case DoAbandon:
		return fmt.Sprintf("abandon %d", e.Gen)
	case DoWrite:
		return fmt.Sprintf("write %d tag=%d %q", e.Gen, e.Tag, e.Data)
	case DoPing:
		return fmt.Sprintf("ping %d %s", e.Gen, e.Data)
	case DoHangup:
		return fmt.Sprintf("hangup %d %d", e.Gen, e.Code)
	case DoStore:
		return "store " + e.Token
	case DoRefuse:
		return fmt.Sprintf("refuse %d: %v", e.Tag, e.Cause)
	case DoQueued:
		return fmt.Sprintf("queued %d", e.Tag)
	case DoEvent:
		return showEvent(e.Event)
	}
	return "unknown effect"
}

func showEvent(e Event) string {
	line := "event " + e.Kind.String()
	if e.Status != 0 {
		line += fmt.Sprintf(" %d", e.Status)
	}
	if !e.At.IsZero() {
		line += fmt.Sprintf(" at %v", e.At.Sub(epoch).Round(time.Millisecond))
	}
	if e.Term != nil {
		line += fmt.Sprintf(" %q", e.Term)
	}
	if e.Reason != nil {
		line += ": " + strings.ReplaceAll(e.Reason.Error(), "\n", ": ")
	}
	return line
}

func TestClientTranscripts(t *testing.T) {
	golden.Play(t, "client", func() golden.Core {
		cfg := ClientConfig{DeviceID: "dev-1", Queue: 2}
		return &wired{NewClient(cfg, rand.New(rand.NewPCG(1, 2)))}
	})
}

// served is a server's session as in the transcripts.
type served struct{ core Session }

func (s *served) Deadline() time.Time { return s.core.Deadline() }

func (s *served) Step(t *testing.T, now time.Time, words []string) (lines []string) {
	var in SessionInput
	switch word(words, 0) {
	case "start":
		in.Kind = SessionStart
	case "request":
		data, err := etf.Encode(tokenRequest)
		require.NoError(t, err)
		in = SessionInput{Kind: SessionReceived, Data: data}
	case "message":
		data, err := Encode(word(words, 1))
		require.NoError(t, err)
		in = SessionInput{Kind: SessionReceived, Data: data}
	case "raw":
		in = SessionInput{Kind: SessionReceived, Data: []byte(word(words, 1))}
	case "text":
		in = SessionInput{Kind: SessionReceived, Data: []byte(word(words, 1)), Text: true}
	case "token":
		in = SessionInput{Kind: SessionToken, Token: word(words, 1)}
	case "answer":
		in = SessionInput{Kind: SessionAnswered, Answer: Answer{Send: word(words, 1)}}
	case "control":
		in = SessionInput{
			Kind:   SessionAnswered,
			Answer: Answer{Send: etf.Tuple{etf.Charlist("token"), etf.Binary("x")}},
		}
	case "halt":
		in = SessionInput{Kind: SessionAnswered, Answer: Answer{Send: "bye", Stop: true}}
	case "push":
		in = SessionInput{Kind: SessionPush, Data: []byte(word(words, 1))}
	case "note":
		in = SessionInput{Kind: SessionNote, Note: word(words, 1)}
	case "stop":
		in = SessionInput{Kind: SessionStop, Code: protocol.CloseServiceRestart, Reason: word(words, 1)}
	case "lost":
		in.Kind = SessionLost
	case "":
	default:
		t.Fatalf("unknown input %v", words)
	}
	for _, e := range s.core.Step(now, in, nil) {
		lines = append(lines, showSession(e))
	}
	return lines
}

func showSession(e SessionEffect) string {
	switch e.Kind {
	case DoEstablished:
		return "established"
	case DoIssueToken:
		return "issue token"
	case DoHandleIn:
		return fmt.Sprintf("handle in %q", e.Term)
	case DoHandleRaw:
		return fmt.Sprintf("handle raw %q", e.Data)
	case DoSend:
		return fmt.Sprintf("send %q", e.Data)
	case DoPush:
		return fmt.Sprintf("push %q", e.Data)
	case DoHandleInfo:
		return fmt.Sprintf("handle info %q", e.Note)
	case DoClose:
		return strings.TrimSpace(fmt.Sprintf("close %d %s", e.Code, e.Reason))
	case DoPingDevice:
		return "ping"
	case DoUnsendable:
		return fmt.Sprintf("unsendable: %v", e.Cause)
	}
	return "unknown effect"
}

func TestSessionTranscripts(t *testing.T) {
	golden.Play(t, "session", func() golden.Core { return &served{NewSession(SessionConfig{})} })
	golden.Play(
		t,
		"session_ping",
		func() golden.Core { return &served{NewSession(SessionConfig{Ping: time.Minute})} },
	)
	golden.Play(
		t,
		"session_settle",
		func() golden.Core { return &served{NewSession(SessionConfig{Settle: time.Second})} },
	)
}
