package protocol

import (
	"encoding/base64"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/tests/golden"
)

// recorded is one line of a transcript of a real hub and a real client.
type recorded struct {
	Conn   int    `json:"conn"`
	T      int    `json:"t_ms"`
	Dir    string `json:"dir"`
	Opcode string `json:"opcode"`
	Text   string `json:"text"`
	Base64 string `json:"base64"`
}

// readTranscript also says which connections speak MessagePack.
func readTranscript(t *testing.T, file string) (lines []recorded, msgpack map[int]bool) {
	lines, msgpack = golden.Lines[recorded](t, file), map[int]bool{}
	for _, r := range lines {
		if r.Opcode == "http" && strings.Contains(r.Text, "vsn=3.0.0") {
			msgpack[r.Conn] = true
		}
	}
	return lines, msgpack
}

// decode reads a frame in the form that its connection speaks.
func (r recorded) decode(t *testing.T, msgpack bool) (Message, error) {
	data := []byte(r.Text)
	if r.Base64 != "" {
		var err error
		data, err = base64.StdEncoding.DecodeString(r.Base64)
		require.NoError(t, err)
	}
	if msgpack {
		return MessagePack{}.Decode(data, r.Opcode == "binary")
	}
	return JSON{}.Decode(data, r.Opcode == "binary")
}

// Every frame that real hubs sent is understood: it decodes, and the channel cores, driven by what
// the recorded client sent, make of it what it means. A client may have been made to misbehave;
// then only decoding is checked.
func TestReplayRecordedHubs(t *testing.T) {
	seen := map[ChannelEffectKind]int{}
	for _, file := range golden.Files(t, "transcripts/nerveshub/*.jsonl", "testdata",
		"hubtest/testdata") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			lines, msgpack := readTranscript(t, file)
			conns := map[int]*replayed{}
			for _, l := range lines {
				if l.Opcode != "text" && l.Opcode != "binary" {
					continue
				}
				if conns[l.Conn] == nil {
					conns[l.Conn] = &replayed{t: t, seen: seen, channels: map[string]*Channel{}}
				}
				m, err := l.decode(t, msgpack[l.Conn])
				if err != nil {
					require.Equal(t, "c2s", l.Dir, "a hub's frame must decode")
					continue
				}
				conns[l.Conn].message(epoch.Add(time.Duration(l.T)*time.Millisecond), l.Dir, m)
			}
		})
	}
	for _, kind := range []ChannelEffectKind{
		DoJoined, DoRefused, DoErrored, DoEvent, DoStale,
		DoLeft,
	} {
		require.NotZero(t, seen[kind], "the transcripts show effect %d", kind)
	}
}

// replayed is one recorded connection with a channel core for each topic.
type replayed struct {
	t        *testing.T
	seen     map[ChannelEffectKind]int
	channels map[string]*Channel
	foreign  bool // the client does not use the ref of the join as join_ref
}

func (r *replayed) message(now time.Time, dir string, m Message) {
	if m.Topic == TopicPhoenix || r.foreign {
		return
	}
	if dir == "c2s" {
		r.client(now, m)
		return
	}
	c, ok := r.channels[m.Topic]
	if !ok {
		return
	}
	joinRef, state := c.JoinRef(), c.State()
	out := c.Step(now, ChannelInput{Kind: ChannelReceived, Msg: m}, nil)
	require.NotEmpty(r.t, out)
	r.seen[out[0].Kind]++
	require.Equal(
		r.t,
		expect(m, state, joinRef),
		out[0].Kind,
		"%s %s %s while %s",
		m.Topic,
		m.Event,
		m.Payload,
		state,
	)
}

// client makes the core do what the recorded client did.
func (r *replayed) client(now time.Time, m Message) {
	c, ok := r.channels[m.Topic]
	if m.Event == EventJoin {
		if r.foreign = m.Ref != m.JoinRef; r.foreign {
			return
		}
		if !ok {
			fresh := NewChannel(ChannelConfig{Topic: m.Topic}, newRand())
			c = &fresh
			r.channels[m.Topic] = c
			c.Step(now, ChannelInput{Kind: ChannelUp, Gen: 1}, nil)
		} else if c.State() != Joining {
			c.Step(now, ChannelInput{Kind: ChannelRejoin}, nil)
		}
		out := c.Step(now, ChannelInput{Kind: ChannelParams, Msg: m}, nil)
		if len(out) == 0 { // joined twice without waiting
			r.foreign = true
			return
		}
		c.Step(now, ChannelInput{Kind: ChannelSent, Tag: out[0].Tag, Ref: m.Ref}, nil)
		return
	}
	if !ok || m.JoinRef != c.JoinRef() {
		return
	}
	in := ChannelInput{Kind: ChannelPush, Msg: m, Reply: true}
	if m.Event == EventLeave {
		in = ChannelInput{Kind: ChannelLeave}
	}
	for _, e := range c.Step(now, in, nil) {
		if e.Kind == DoTransmit {
			c.Step(now, ChannelInput{Kind: ChannelSent, Tag: e.Tag, Ref: m.Ref}, nil)
		}
	}
}

// expect says what a message means, from the protocol's rules and without the core.
func expect(m Message, state ChannelState, joinRef string) ChannelEffectKind {
	var reply struct {
		Status   string
		Response json.RawMessage
	}
	_ = json.Unmarshal(m.Payload, &reply)
	switch {
	case joinRef == "" || m.JoinRef != "" && m.JoinRef != joinRef:
		return DoStale
	case m.Event == EventReply && state == Joining && m.Ref == joinRef && reply.Status == "ok":
		return DoJoined
	case m.Event == EventReply && state == Joining && m.Ref == joinRef:
		return DoRefused
	case m.Event == EventReply && state == Leaving, m.Event == EventClose && state == Leaving:
		return DoLeft
	case m.Event == EventReply && strings.Contains(string(reply.Response), reasonUnmatched):
		return DoErrored
	case m.Event == EventReply:
		return DoReply
	case m.Event == EventError || m.Event == EventClose:
		return DoErrored
	default:
		return DoEvent
	}
}
