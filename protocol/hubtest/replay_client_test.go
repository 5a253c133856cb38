package hubtest

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // RFC 6455 section 4.2.2
	"encoding/base64"
	"encoding/binary"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
)

// What the real hub sent, byte for byte but for the key of the handshake and the compression, is
// what our client receives: every refusal, message and close of the recordings. What the channels
// make of the messages is shown in package protocol.
func TestReplayToClient(t *testing.T) {
	for _, path := range transcripts(t) {
		lines := readTranscript(t, path)
		t.Run(strings.TrimSuffix(filepath.Base(path), ".jsonl"), func(t *testing.T) {
			t.Parallel()
			for i, l := range lines {
				if l.Opcode == "http" && l.Dir == "c2s" {
					playToClient(t, l, ofHub(lines[i:]))
				}
			}
		})
	}
}

// ofHub is what the hub sent on the connection of the first line, up to its end.
func ofHub(lines []line) []line {
	var out []line
	for _, l := range lines[1:] {
		switch {
		case l.Conn != lines[0].Conn || l.Dir != "s2c":
		case l.Opcode == "close", l.Opcode == "tcp_fin", l.Opcode == "tcp_error":
			return append(out, l)
		default:
			out = append(out, l)
		}
	}
	return out
}

func playToClient(t *testing.T, request line, hub []line) {
	require.NotEmpty(t, hub)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- serveRecorded(ln, hub) }() // ends after one connection
	req := transport.Request{URL: &url.URL{
		Scheme: "ws", Host: ln.Addr().String(), Path: "/device-socket/websocket", RawQuery: "vsn=2.0.0",
	}}
	if packed(request.Text) {
		req.URL.RawQuery = "vsn=3.0.0"
	}
	conn, err := (&transport.WebSocket{
		Limits:    transport.Limits{ReadIdle: 10 * time.Second},
		Redirects: -1,
	}).Dial(
		t.Context(),
		req,
	)
	want, badAnswer := http.ReadResponse(bufio.NewReader(strings.NewReader(hub[0].Text)), nil)
	require.NoError(t, badAnswer)
	if want.StatusCode != http.StatusSwitchingProtocols {
		var refused *transport.RefusedError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, want.StatusCode, refused.Status)
		require.Equal(t, want.Header.Get(reasonHeader), refused.Reason())
	} else {
		require.NoError(t, err)
		c := &replayed{replay: &replay{t: t}, conn: conn, packed: packed(request.Text)}
		c.understand(hub[1:])
		require.NoError(t, conn.Abort())
	}
	require.NoError(t, ln.Close())
	require.NoError(t, <-served)
}

// understand reads what is expected to come.
func (c *replayed) understand(hub []line) {
	for _, l := range hub {
		switch {
		case l.said():
			data, err := c.read()
			require.NoError(c.t, err)
			want, ok := l.message()
			require.True(c.t, ok, "%s", l.Text)
			got, err := protocol.JSON{}.Decode(data, false)
			require.NoError(c.t, err)
			require.Equal(c.t, want, got)
		case l.Opcode == "pong": // for the layer below
		default:
			_, _, err := c.conn.ReadMessage(nil)
			var end *transport.CloseError
			require.ErrorAs(c.t, err, &end)
			code := protocol.CloseAbnormal
			if l.Opcode == "close" {
				code = l.CloseCode
			}
			require.Equal(c.t, code, end.Code)
		}
	}
}

var (
	acceptLine     = regexp.MustCompile(`(?i)(sec-websocket-accept): [^\r]*`)
	extensionsLine = regexp.MustCompile(`(?i)sec-websocket-extensions: [^\r]*\r\n`)
)

// serveRecorded is the hub's end of a recorded connection.
func serveRecorded(ln net.Listener, hub []line) error {
	nc, err := ln.Accept()
	if err != nil {
		return err
	}
	defer func() { _ = nc.Close() }()
	r, err := http.ReadRequest(bufio.NewReader(nc))
	if err != nil {
		return err
	}
	sum := sha1.Sum(
		[]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"),
	) //nolint:gosec // as above
	out := []byte(
		acceptLine.ReplaceAllString(hub[0].Text, "$1: "+base64.StdEncoding.EncodeToString(sum[:])),
	)
	out = extensionsLine.ReplaceAll(out, nil)
	if hub[0].Body != nil {
		out = append(out, *hub[0].Body...)
	}
	for _, l := range hub[1:] {
		out = appendRecorded(out, l)
	}
	_, err = nc.Write(out)
	return err
}

// appendRecorded appends a frame as a hub sends it.
func appendRecorded(dst []byte, l line) []byte {
	payload := []byte(l.Text)
	if l.Base64 != "" {
		payload, _ = base64.StdEncoding.DecodeString(l.Base64) // else it is not what is expected to come
	}
	op := map[string]byte{"text": 1, "binary": 2, "close": 8, "ping": 9, "pong": 10}[l.Opcode]
	switch {
	case op == 0:
		return dst // the end of the connection
	case op == 8:
		payload = binary.BigEndian.AppendUint16(nil, uint16(l.CloseCode)) //nolint:gosec // a close code
	}
	if len(payload) < 126 {
		dst = append(dst, 0x80|op, byte(len(payload)))
	} else {
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|op, 126), uint16(len(payload))) //nolint:gosec // the longest has some kB
	}
	return append(dst, payload...)
}
