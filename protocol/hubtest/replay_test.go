package hubtest

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
)

// What the real hub answered to real clients is what this one answers to the same frames. An
// operator's action of the recording, which no frame of the client explains, is done to this hub
// just before the frame that it caused. The table in the output says what was replayed, in both
// directions: the other one is TestReplayToClient.
func TestReplay(t *testing.T) {
	var table strings.Builder
	for _, path := range transcripts(t) {
		name := strings.TrimSuffix(filepath.Base(path), ".jsonl")
		lines := readTranscript(t, path)
		table.WriteString(row(name, lines))
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newReplay(t, lines).run()
		})
	}
	t.Log("transcript, client to hub | hub to client\n" + table.String())
}

type replay struct {
	t        *testing.T
	scenario string
	lines    []line
	hub      *Hub
	now      atomic.Int64 // nanoseconds since 1970
	conns    map[int]*replayed
}

// replayed is one socket of the recording.
type replayed struct {
	*replay
	conn    transport.Conn
	raw     net.Conn // below conn, for frames that conn does not send
	packed  bool     // speaks MessagePack
	dev     *Device
	pending map[string]bool // extensions whose first request is due

	asked, askedThen []string // what extensions were asked for, by this hub and by the recorded one
}

func newReplay(t *testing.T, lines []line) *replay {
	r := &replay{t: t, lines: lines, scenario: lines[0].Scenario, conns: map[int]*replayed{}}
	r.now.Store(lines[0].Started.UnixNano())
	cfg := Config{
		Profile: ProfileSnapshot, Now: func() time.Time { return time.Unix(0, r.now.Load()) },
		Keys: []Key{
			{Key: "nhp_rig_product_key", Secret: "rig_product_secret_0123456789abcdef"},
			{Key: "nhd_rig_device_key", Secret: "rig_device_secret", Identifier: "device-with-own-key"},
		},
	}
	var archive jsontext.Value
	for _, l := range lines {
		m, ok := l.message()
		if !ok || l.Dir != "s2c" {
			continue
		}
		var p struct {
			Keys      []string
			Ref, Text string
		}
		_ = json.Unmarshal(m.Payload, &p)
		switch {
		case m.Event == "fwup_public_keys":
			cfg.OnJoin.FirmwareKeys = p.Keys
		case m.Event == "archive_public_keys":
			cfg.OnJoin.ArchiveKeys = p.Keys
		case m.Event == "archive":
			archive = m.Payload
		case m.Event == "scripts/run" && p.Ref == "connecting_code":
			cfg.OnJoin.ConnectingCode = p.Text
		}
	}
	if r.scenario == "idle_timeout" {
		cfg.Limits.Idle = 100 * time.Millisecond
	}
	r.hub = Run(t, cfg)
	if archive != nil {
		r.hub.registry.configure(func(s *settings) {
			s.archive = func() jsontext.Value { return archive }
		})
	}
	r.hub.Door().PlatformDown(r.scenario == "auth_platform_down")
	r.hub.Door().AcceptSecrets(r.scenario != "auth_shared_secrets_disabled")
	return r
}

func (r *replay) run() {
	for i := 0; i < len(r.lines); i++ {
		l := r.lines[i]
		r.now.Store(r.lines[0].Started.Add(time.Duration(l.T) * time.Millisecond).UnixNano())
		c := r.conns[l.Conn]
		switch {
		case l.Opcode == "http" && l.Dir == "c2s":
			r.request(l.Conn, l.Text, r.answer(i))
		case c == nil: // a remark, an answer to HTTP, or the end of a probe
		case l.Dir == "c2s":
			c.say(l, r.lines[i:])
		case l.said():
			run := r.serverRun(i)
			c.operate(run)
			c.hear(run)
			i += len(run) - 1
		case l.Opcode == "close":
			c.closed(l.CloseCode)
		case l.Opcode == "tcp_error" && r.scenario == "ws_big_message":
			c.flood()
		case l.Opcode == "tcp_fin" && r.scenario == "server_sigkill":
			require.NoError(r.t, c.dev.Net().Drop())
			c.closed(protocol.CloseAbnormal)
		}
	}
}

// text is all that was said.
func (r *replay) text() string {
	var b strings.Builder
	for _, l := range r.lines {
		b.WriteString(l.Text)
	}
	return b.String()
}

// answer is the recorded answer to the request in line i.
func (r *replay) answer(i int) line {
	for _, l := range r.lines[i:] {
		if l.Conn == r.lines[i].Conn && l.Dir == "s2c" && l.Opcode == "http" {
			return l
		}
	}
	r.t.Fatal("the transcript has no answer to a request")
	return line{}
}

// serverRun is what the hub said without the client saying something in between.
func (r *replay) serverRun(i int) []line {
	n := i
	for n < len(r.lines) && r.lines[n].Conn == r.lines[i].Conn && r.lines[n].Dir == "s2c" &&
		r.lines[n].said() {
		n++
	}
	return r.lines[i:n]
}

// request sends the recorded request byte for byte and compares the answers.
func (r *replay) request(conn int, head string, want line) {
	t := r.t
	nc, err := net.Dial("tcp", strings.TrimPrefix(r.hub.URL(), "ws://"))
	require.NoError(t, err)
	_, err = io.WriteString(nc, head)
	require.NoError(t, err)
	br := bufio.NewReader(nc)
	got, err := http.ReadResponse(br, nil)
	require.NoError(t, err)
	expected, err := http.ReadResponse(bufio.NewReader(strings.NewReader(want.Text)), nil)
	require.NoError(t, err)
	require.Equal(t, expected.StatusCode, got.StatusCode)
	require.NotEmpty(t, got.Header.Get("Date"))
	for _, name := range []string{
		reasonHeader, "Location", "Cache-Control",
		"Sec-WebSocket-Extensions",
	} {
		require.Equal(t, expected.Header.Get(name), got.Header.Get(name), name)
	}
	if got.StatusCode != http.StatusSwitchingProtocols {
		body, err := io.ReadAll(got.Body)
		require.NoError(t, err)
		if want.Body != nil {
			require.Equal(t, *want.Body, string(body))
		}
		require.NoError(t, nc.Close())
		return
	}
	c := &replayed{replay: r, pending: map[string]bool{}, raw: nc, packed: packed(head)}
	agreed, err := transport.ParseDeflate(got.Header)
	require.NoError(t, err)
	c.conn = transport.NewDeflateConn(
		nc,
		transport.RoleClient,
		transport.Limits{ReadIdle: 10 * time.Second},
		nil,
		agreed,
	)
	require.Zero(t, br.Buffered())
	devices := r.hub.Devices()
	c.dev = devices[len(devices)-1]
	r.conns[conn] = c
	c.dev.Channel(topicDevice).RefuseJoins(strings.Count(r.text(), "could not connect"), nil)
	t.Cleanup(func() { _ = c.conn.Abort() })
}

// say sends what the client said.
func (c *replayed) say(l line, rest []line) {
	t := c.t
	if m, ok := l.message(); ok {
		if name, event, _ := strings.Cut(m.Event, ":"); event == "attached" {
			c.pending[name] = true
		}
	}
	switch l.Opcode {
	case "text":
		if frame, ok := l.broken(); ok {
			_, err := c.raw.Write(frame)
			require.NoError(t, err)
			return
		}
		frame := l.Text
		if l.Len > 0 {
			const tail = `"}]`
			frame = l.TextHead + strings.Repeat("y", l.Len-len(l.TextHead)-len(tail)) + tail
		}
		require.NoError(t, c.conn.WriteMessage(transport.Text, []byte(frame)))
	case "binary":
		data, err := base64.StdEncoding.DecodeString(l.Base64)
		require.NoError(t, err)
		require.NoError(t, c.conn.WriteMessage(transport.Binary, data))
	case "close", "tcp_fin":
		c.nothingElse(rest)
		delete(c.conns, l.Conn)
		if l.Opcode == "close" {
			require.NoError(t, c.conn.Close(l.CloseCode, ""))
		}
		_ = c.conn.Abort()
	}
}

// nothingElse checks that the hub has said no more than the recorded one, up to what that one said
// after the client had turned away: then a heartbeat's answer comes next.
func (c *replayed) nothingElse(rest []line) {
	const ref = "987654321"
	require.ElementsMatch(c.t, c.askedThen, c.asked, "requests to extensions")
	if c.write(
		protocol.Message{Ref: ref, Topic: protocol.TopicPhoenix, Event: protocol.EventHeartbeat},
	) != nil {
		return // closed by the hub, as recorded
	}
	var late []string
	for _, l := range rest {
		if _, ok := l.message(); ok && l.Conn == rest[0].Conn {
			late = append(late, canonical(c.t, []byte(l.Text)))
		}
	}
	for {
		data, err := c.read()
		if err != nil || strings.Contains(string(data), ref) {
			return
		}
		require.Contains(c.t, late, canonical(c.t, data), "the hub says more than the recorded one")
	}
}

// operate does what the operator of the recording must have done to cause these frames.
func (c *replayed) operate(run []line) {
	for i, l := range run {
		m, ok := l.message()
		require.True(c.t, ok)
		name, _, _ := strings.Cut(m.Event, ":")
		fromBefore := i > 0 || m.Ref != "" // of a run that begins with an answer
		push := func(s *session) bool {
			if m.JoinRef == "" {
				return s.broadcast(m.Topic, m.Event, m.Payload)
			}
			return s.push(m.Topic, m.Event, m.Payload)
		}
		switch {
		case m.Event == protocol.EventError && (strings.Contains(c.scenario, "channel_crash") ||
			strings.Contains(c.scenario, "channel_error")):
			c.settle(m.Topic)
			require.NoError(c.t, c.dev.Channel(m.Topic).Crash())
		case m.Topic == topicExtensions && m.Ref == "" && c.pending[name]:
			delete(c.pending, name)
		case m.Topic == topicExtensions && m.Ref == "",
			m.Topic == topicConsole && m.Ref == "",
			slices.Contains([]string{"update", "reboot", "identify"}, m.Event),
			m.Event == "archive" && !fromBefore,
			m.Event == "scripts/run" && !strings.Contains(string(m.Payload), "connecting_code"):
			c.settle(m.Topic)
			require.NoError(c.t, c.dev.step(push), "%s", l.Text)
		}
	}
}

// settle waits until the hub has handled the join that the recorded client has just sent.
func (c *replayed) settle(topic string) {
	require.Eventually(c.t, func() bool {
		return c.dev.step(func(s *session) bool { return s.channel(topic) != nil }) == nil
	}, 10*time.Second, time.Millisecond)
}

// hear compares what the hub says with a run of recorded frames. Channels are processes of their
// own at the real hub, so only the order within a channel counts; what it asks extensions for comes
// in any order.
func (c *replayed) hear(run []line) {
	got, want := map[string][]string{}, map[string][]string{}
	for _, l := range run {
		data, err := c.read()
		require.NoError(c.t, err, "instead of %s", l.Text)
		c.asked = sortOut(canonical(c.t, data), got, c.asked)
		c.askedThen = sortOut(canonical(c.t, []byte(l.Text)), want, c.askedThen)
	}
	require.Equal(c.t, want, got)
}

// sortOut puts a frame to those of its channel, or to the requests to extensions.
func sortOut(frame string, channels map[string][]string, requests []string) []string {
	m, _ := protocol.JSON{}.Decode([]byte(frame), false)
	if m.Topic == topicExtensions && m.Ref == "" {
		return append(requests, frame)
	}
	channels[m.Topic] = append(channels[m.Topic], frame)
	return requests
}

// closed waits for the hub to end the socket, which an operator may have caused.
func (c *replayed) closed(code int) {
	t := c.t
	switch c.scenario {
	case "disconnect", "nhl_disconnect_reconnect":
		require.NoError(t, c.dev.Net().Close(code))
	case "server_sigterm":
		require.NoError(t, c.hub.Net().Drain(t.Context(), 1000, 0))
	}
	_, data, err := c.conn.ReadMessage(nil)
	if err == nil {
		t.Fatalf("the hub said %s instead of closing with %d", data, code)
	}
	var end *transport.CloseError
	require.ErrorAs(t, err, &end)
	require.Equal(t, code, end.Code)
	for n, other := range c.conns {
		if other == c {
			delete(c.conns, n)
		}
	}
}
