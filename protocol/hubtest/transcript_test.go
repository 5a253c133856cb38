package hubtest

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/tests/golden"
)

// line is one line of a transcript of the real hub and a client.
type line struct {
	Conn      int
	T         int64 `json:"t_ms"`
	Dir       string
	Opcode    string
	Text      string // of a frame of MessagePack too: what it says, as JSON
	TextHead  string `json:"text_head"`
	Len       int
	Base64    string
	Body      *string
	CloseCode int `json:"close_code"`
	RSV       byte
	Masked    *bool
	Scenario  string
	Started   time.Time
}

// said tells frames with a message from all else.
func (l line) said() bool {
	return l.Opcode == "text" || l.Opcode == "binary" && strings.HasPrefix(l.Text, "[")
}

func (l line) message() (protocol.Message, bool) {
	if !l.said() || !strings.HasPrefix(l.Text, "[") {
		return protocol.Message{}, false
	}
	m, err := protocol.JSON{}.Decode([]byte(l.Text), false)
	return m, err == nil
}

// broken is a frame that breaks the rules of WebSocket, and that no client of package transport
// sends.
func (l line) broken() ([]byte, bool) {
	unmasked := l.Masked != nil && !*l.Masked
	invalid := strings.ContainsRune(l.Text, '\uFFFD')
	if !unmasked && !invalid {
		return nil, false
	}
	payload := []byte(l.Text)
	if invalid {
		payload = []byte{0xff, 0xfe} // the transcript shows that it was not UTF-8, and no more
	}
	frame := []byte{0x80 | l.RSV<<4 | 1, byte(len(payload))}
	if !unmasked {
		frame[1] |= 0x80
		frame = append(frame, 0, 0, 0, 0) // a mask that leaves things as they are
	}
	return append(frame, payload...), true
}

// packed reports whether a request asks for MessagePack.
func packed(head string) bool { return strings.Contains(head, "vsn=3.0.0") }

func readTranscript(t *testing.T, path string) []line {
	lines := golden.Lines[line](t, path)
	msgpack := map[int]bool{}
	for i, l := range lines {
		if l.Opcode == "http" && packed(l.Text) {
			msgpack[l.Conn] = true
		}
		if l.Opcode != "binary" || !msgpack[l.Conn] {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(l.Base64)
		require.NoError(t, err)
		if m, err := (protocol.MessagePack{}).Decode(raw, true); err == nil {
			lines[i].Text = asJSON(t, m)
		}
	}
	return lines
}

func asJSON(t *testing.T, m protocol.Message) string {
	text, err := protocol.JSON{}.Append(nil, m)
	require.NoError(t, err)
	return string(text)
}

// transcripts lists the files of this package and those that package protocol replays too.
func transcripts(t *testing.T) []string {
	return golden.Files(t, "transcripts/nerveshub/*.jsonl", "testdata", "../testdata")
}

// write sends a message of the client's.
func (c *replayed) write(m protocol.Message) error {
	var codec protocol.Codec = protocol.JSON{}
	kind := transport.Text
	if c.packed {
		codec, kind = protocol.MessagePack{}, transport.Binary
	}
	frame, err := codec.Append(nil, m)
	require.NoError(c.t, err)
	return c.conn.WriteMessage(kind, frame)
}

// read returns the hub's next message as JSON.
func (c *replayed) read() ([]byte, error) {
	kind, data, err := c.conn.ReadMessage(nil)
	if err != nil {
		return nil, err
	}
	require.Equal(c.t, c.packed, kind == transport.Binary, "kind of the frame")
	if c.packed {
		m, err := protocol.MessagePack{}.Decode(data, true)
		require.NoError(c.t, err)
		return []byte(asJSON(c.t, m)), nil
	}
	return data, nil
}

// canonical makes frames comparable: the order of members does not count.
func canonical(t *testing.T, frame []byte) string {
	v := jsontext.Value(frame)
	require.NoError(t, v.Canonicalize())
	return string(v)
}

// row is a transcript's line in the table of what is replayed in which direction.
func row(name string, lines []line) string {
	var requests, said, told int
	var end []string // of sockets and refusals, as the hub made them
	for _, l := range lines {
		frame := l.Opcode == "text" || l.Opcode == "binary"
		switch {
		case l.Dir == "c2s" && l.Opcode == "http":
			requests++
		case l.Dir == "c2s" && frame:
			said++
		case l.Dir == "s2c" && frame:
			told++
		case l.Dir == "s2c" && l.Opcode == "close":
			end = append(end, "close "+strconv.Itoa(l.CloseCode))
		case l.Dir == "s2c" && l.Opcode == "http" && !strings.Contains(l.Text, " 101 "):
			end = append(end, "status "+strings.Fields(l.Text)[1])
		}
	}
	if requests == 0 {
		return fmt.Sprintf("  %-34s not replayed: it holds no request\n", name)
	}
	return fmt.Sprintf(
		"  %-34s %2d requests, %3d frames | %3d frames %s\n",
		name,
		requests,
		said,
		told,
		strings.Join(slices.Compact(end), ", "),
	)
}

// flood sends the message of 12 MB that the transcript leaves out, and is cut off.
func (c *replayed) flood() {
	const size = 12_000_000
	frame := binary.BigEndian.AppendUint64([]byte{0x81, 0xff}, size)
	_, _ = c.raw.Write(append(frame, make([]byte, 4+size)...)) // the hub does not wait for its end
	_, _, err := c.conn.ReadMessage(nil)
	var end *transport.CloseError
	require.ErrorAs(c.t, err, &end)
	require.Contains(
		c.t,
		[]int{protocol.CloseTooBig, protocol.CloseAbnormal},
		end.Code,
		"NervesHub closes, or resets with much unread",
	)
}
