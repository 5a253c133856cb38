package fedecks_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // what RFC 6455 prescribes; it protects nothing
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/fedecks"
	"github.com/hublink-go/hublink/protocol/etf"
	protocol "github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/tests/golden"
)

// octets in a recording.
type octets []byte

func (b *octets) UnmarshalJSON(data []byte) error {
	var text string
	err := json.Unmarshal(data, &text)
	if err == nil {
		*b, err = base64.StdEncoding.DecodeString(text)
	}
	return err
}

// recorded is one line of a recording of the original client and server.
type recorded struct {
	Dir, Kind   string
	Conn        int
	FirstLine   string `json:"first_line"`
	Headers     [][2]string
	B64         octets
	Fin, Opcode byte
	Event       string
	ETF         octets `json:"etf_b64"`
}

// name is the event without what it carries, as ours are called.
func (l recorded) name() string {
	name, _, _ := strings.Cut(strings.TrimLeft(l.Event, "{:"), ",")
	return strings.TrimRight(name, "}")
}

// difference is where our client does not tell the same events as the original: why, and what it
// tells instead.
type difference struct {
	why      string
	events   string // in order
	messages bool   // differ too
}

// differsToServers are the recordings in which our client tells other events than the original. In
// all others they are the same in the same order, with the same messages, but for EventDropped,
// which the original does not have (fault 9).
var differsToServers = map[string]difference{
	"bad_frames_to_client_opcode": {
		why:    "a broken frame ends the connection with 1002, as RFC 6455 wants",
		events: "unregistered connecting connected connection_lost connection_scheduled",
	},
	"bad_frames_to_client_rsv": {
		why:    "the same",
		events: "unregistered connecting connected connection_lost connection_scheduled",
	},
	"control_frames_to_client": {
		why: "faults 7 and 12: a foreign pong is no message, a close is answered", messages: true,
		events: "unregistered connecting connected connection_lost connection_scheduled",
	},
	"expired_token": {
		why:    "fault 2: a refused token is not tried again",
		events: "unregistered connecting connected connection_scheduled connecting upgrade_failed unregistered",
	},
	"expired_token_fast_retry": {
		why:    "faults 2 and 6",
		events: "unregistered connecting connected connection_scheduled connecting upgrade_failed unregistered",
	},
	"failed_login_destroys_token": {
		why:    "fault 3: the stored token stays, and is tried after the failed login",
		events: "unregistered connecting connected connection_scheduled connecting upgrade_failed connection_scheduled",
	},
	"login_while_connected": {
		why:    "fault 8",
		events: "unregistered connecting connected connecting connected",
	},
	"push_at_once_no_delay_0": {
		why: "fault 1", messages: true, events: "unregistered connecting connected message",
	},
	"push_at_once_no_delay_1": {
		why:      "fault 1",
		messages: true,
		events:   "unregistered connecting connected message",
	},
	"push_at_once_no_delay_2": {
		why:      "fault 1",
		messages: true,
		events:   "unregistered connecting connected message",
	},
	"undecodable_to_client": {
		why:    "a text frame that is not UTF-8 ends the connection with 1007, as RFC 6455 wants",
		events: "unregistered connecting connected connection_lost connection_scheduled",
	},
	"zombie_1": {
		why:    "fault 5: pings are left out here, see TestDeadLinkIsNoticedWithinTwoPings",
		events: "unregistered connecting connected",
	},
	"handshake_never_answered": {
		why:    "the recorded answer was kept from the client",
		events: "unregistered connecting connected connection_lost unregistered",
	},
	"connection_refused": {
		why:    "the refused attempts were not on the wire",
		events: "unregistered connecting connected connection_lost connection_scheduled",
	},
	"bad_credentials_shape": {
		why:    "fault 6: Login refuses what is no map, which ended the recorded client",
		events: "unregistered connecting connected",
	},
	"established_raises_cowboy": {
		why:    "fault 1: the close comes together with the answer 101",
		events: "unregistered connecting connected connection_lost unregistered",
	},
	"send_on_dead_connection": {
		why:    "fault 13: nothing is sent here, see TestFailedSendEndsTheConnection",
		events: "unregistered connecting connected",
	},
	"wrong_password_many": {
		why:    "fault 6: the recorded client was ended by its supervisor in the last attempt",
		events: "unregistered" + strings.Repeat(" connecting upgrade_failed unregistered", 16),
	},
}

// notReplayed are recordings of clients that ours cannot be like.
var notReplayed = map[string]string{
	"device_id_130_bytes": "fault 11: no client of ours can be called so",
	"device_id_300_bytes": "fault 11: no client of ours can be called so",
	"token_file_integer":  "fault 4: no client of ours has such a token",
}

// mayDiffer are recordings of faults that are not in this repository, but may be in the folder
// named by HUBLINK_DATA.
var mayDiffer = map[string]string{
	"coalesced_101_and_first_frame":   "fault 1",
	"secret_rotated":                  "fault 2",
	"zombie_ping5s":                   "fault 5",
	"tag_confusion":                   "fault 7",
	"funs_and_compressed_to_client":   "funs are refused here, on both ends",
	"fragmented_and_joined_to_client": "fault 1",
}

func TestReplayRecordedServers(t *testing.T) {
	var table verdicts
	for _, file := range golden.Files(t, "transcripts/fedecks/*.jsonl", "testdata") {
		name := strings.TrimSuffix(filepath.Base(file), ".jsonl")
		if strings.HasPrefix(name, "raw_server") {
			table.add(name, "no client in it, see package server")
			continue
		}
		if why := notReplayed[name]; why != "" {
			table.add(name, "equal up to "+why)
			continue
		}
		lines := golden.Lines[recorded](t, file)
		if !slices.ContainsFunc(
			lines,
			func(l recorded) bool { return l.Dir == "s2c" && l.Kind == "http" },
		) {
			table.add(name, "not a wire transcript")
			continue
		}
		t.Run(
			name,
			func(t *testing.T) { synctest.Test(t, func(t *testing.T) { replayServer(t, name, lines) }) },
		)
		switch {
		case mayDiffer[name] != "":
			table.add(name, "equal up to "+mayDiffer[name]+" (not looked at further)")
		case differsToServers[name].why != "":
			table.add(name, "equal up to "+differsToServers[name].why)
		default:
			table.add(name, "equal")
		}
	}
	t.Logf("recorded servers and our client:\n%s", table)
}

// verdicts is a table of recordings.
type verdicts string

func (v *verdicts) add(name, verdict string) {
	*v += verdicts(fmt.Sprintf("  %-32s %s\n", name, verdict))
}

// stage is where our client meets the recorded server.
type stage struct {
	t      *testing.T
	cfg    fedecks.Config
	client *fedecks.Client
	dials  chan net.Conn
	conns  map[int]*far
	token  string // the last one that the server sent

	mu     sync.Mutex
	events []fedecks.Event
}

// far is the server's end of one stream.
type far struct {
	conn net.Conn

	mu sync.Mutex
	in bytes.Buffer
}

func (s *stage) note(e fedecks.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

func (s *stage) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case s.dials <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func replayServer(t *testing.T, name string, lines []recorded) {
	s := &stage{t: t, dials: make(chan net.Conn), conns: map[int]*far{}}
	s.cfg = fedecks.Config{
		URL: "ws://server/fedecks/websocket", DeviceID: recordedDevice(t, lines), OnEvent: s.note,
		Seed:      1,
		TokenFile: filepath.Join(t.TempDir(), "token"),
		Codec: protocol.Codec{
			Atoms: toldAtoms(t, lines),
		}, Dialer: &transport.WebSocket{NetDial: s.dial},
		Times: fedecks.Times{
			BackoffMin: 10 * time.Second,
			Ping:       24 * time.Hour,
		}, // pings are TestDeadLinkIsNoticedWithinTwoPings
	}
	s.firstToken(lines)
	s.start()
	defer func() {
		for _, f := range s.conns {
			_ = f.conn.Close()
		}
		require.NoError(t, s.client.Stop(context.Background()))
	}()
	for i, l := range lines {
		s.server(i, lines, l)
	}
	time.Sleep(2 * time.Second) // a close that we begin takes up to one
	synctest.Wait()
	s.judge(name, lines)
}

func (s *stage) start() {
	var err error
	s.client, err = fedecks.New(s.cfg)
	require.NoError(s.t, err)
	require.NoError(s.t, s.client.Start(s.t.Context()))
}

// firstToken stores the token that the recorded client had from before, if it had one.
func (s *stage) firstToken(lines []recorded) {
	for _, l := range lines {
		if m := recordedAuth(s.t, l); m != nil {
			if token, ok := m.Text("fedecks-token"); ok {
				data, err := protocol.TokenFile(token)
				require.NoError(s.t, err)
				require.NoError(s.t, os.WriteFile(s.cfg.TokenFile, data, 0o600))
				s.token = token
			}
			return
		}
	}
}

// recordedAuth is the map in the first line that has one.
func recordedAuth(t *testing.T, l recorded) etf.Map {
	for _, h := range l.Headers {
		if h[0] == "x-fedecks-auth" {
			data, err := base64.StdEncoding.DecodeString(h[1])
			require.NoError(t, err)
			term, err := protocol.Codec{AnyAtom: true}.Decode(data)
			require.NoError(t, err)
			return term.(etf.Map)
		}
	}
	return nil
}

func recordedDevice(t *testing.T, lines []recorded) string {
	for _, l := range lines {
		if m := recordedAuth(t, l); m != nil {
			id, _ := m.Text("fedecks-device-id")
			return id
		}
	}
	return "unknown"
}

// toldAtoms are those that the recorded client knew: those in the messages that it told.
func toldAtoms(t *testing.T, lines []recorded) etf.AtomSet {
	var names []string
	for _, l := range lines {
		for l.name() == "message" {
			_, err := protocol.Codec{Atoms: etf.Atoms(names...)}.Decode(l.ETF)
			var unknown *etf.UnknownAtomError
			if !errors.As(err, &unknown) {
				break
			}
			names = append(names, unknown.Name)
		}
	}
	return etf.Atoms(names...)
}

// server does what the recorded server did at line i, and what made the recorded client dial.
func (s *stage) server(i int, lines []recorded, l recorded) {
	f := s.conns[l.Conn]
	switch {
	case l.Dir == "client" && l.Kind == "exit": // the recorded client may have been started again
		if slices.ContainsFunc(
			lines[i:],
			func(e recorded) bool { return e.Dir == "c2s" && e.Kind == "http" },
		) {
			require.NoError(s.t, s.client.Stop(context.Background()))
			s.start()
		}
	case l.Dir == "c2s" && l.Kind == "http":
		s.meet(l)
	case f == nil:
		return
	case l.Dir == "s2c" && l.Kind == "http":
		f.write(f.accepting(s.t, l))
	case l.Dir == "s2c" && (l.Kind == "body" || l.Kind == "injected"):
		f.write(l.B64)
	case l.Dir == "s2c" && l.Kind == "frame":
		if token, ok := tokenIn(l.B64); ok {
			s.token = token
		}
		f.write(unmasked(l.Fin<<7|l.Opcode, l.B64))
	case l.Dir == "s2c" && l.Kind == "tcp_close":
		// At the end of a recording it was the client who had closed, and no loss is told. Times are in
		// milliseconds, so a loss may stand a line or two before its cause.
		if slices.ContainsFunc(
			lines[max(0, i-2):],
			func(e recorded) bool { return e.name() == "connection_lost" },
		) {
			_ = f.conn.Close()
		}
	}
	synctest.Wait()
}

// meet makes our client dial as the recorded one did at this line and compares what it asks with.
func (s *stage) meet(l recorded) {
	want := recordedAuth(s.t, l)
	_, withToken := want.Text("fedecks-token")
	if !withToken {
		require.NoError(s.t, s.client.Login(want))
	}
	var f *far
	select {
	case conn := <-s.dials:
		f = &far{conn: conn}
	case <-time.After(2 * time.Minute): // it has no reason to: see differsToServers
		return
	}
	s.conns[l.Conn] = f
	go f.read()
	synctest.Wait()
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(f.sent())))
	require.NoError(s.t, err)
	require.Equal(s.t, strings.Fields(l.FirstLine)[0], req.Method)
	auth, err := protocol.ParseAuth(
		req.Header.Values(protocol.HeaderAuth),
		protocol.Codec{AnyAtom: true},
	)
	require.NoError(s.t, err)
	if auth.HasToken {
		require.Equal(s.t, s.token, auth.Token, "the newest token")
		return
	}
	require.Len(s.t, auth.Credentials, len(want))
	for _, p := range want {
		got, ok := auth.Credentials.Get(p.Key)
		require.True(s.t, ok)
		require.Equal(s.t, p.Value, got)
	}
}

func (f *far) read() {
	buf := make([]byte, 64<<10)
	for {
		n, err := f.conn.Read(buf)
		f.mu.Lock()
		f.in.Write(buf[:n])
		f.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (f *far) sent() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return bytes.Clone(f.in.Bytes())
}

// write ignores errors: the client may have closed where the recorded one did not.
func (f *far) write(data []byte) { _, _ = f.conn.Write(data) }

// accepting is the recorded answer with the accept key that our client's nonce needs.
func (f *far) accepting(t *testing.T, l recorded) []byte {
	status, err := strconv.Atoi(strings.Fields(l.FirstLine)[1])
	require.NoError(t, err)
	if status != http.StatusSwitchingProtocols {
		return l.B64
	}
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(f.sent())))
	require.NoError(t, err)
	var theirs string
	for _, h := range l.Headers {
		if strings.EqualFold(h[0], "sec-websocket-accept") {
			theirs = h[1]
		}
	}
	return bytes.Replace(
		l.B64,
		[]byte(theirs),
		[]byte(acceptKey(req.Header.Get("Sec-WebSocket-Key"))),
		1,
	)
}

func tokenIn(payload []byte) (string, bool) {
	term, err := protocol.Codec{AnyAtom: true}.Decode(payload)
	pair, ok := term.(etf.Tuple)
	if err != nil || !ok || len(pair) != 2 {
		return "", false
	}
	tag, _ := pair[0].(etf.List)
	token, ok := pair[1].(etf.Binary)
	text, _ := tag.Octets()
	return string(token), ok && text == "token"
}

// unmasked is a server's frame.
func unmasked(first byte, payload []byte) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, payload...)
}

// judge compares the events with the recorded ones.
func (s *stage) judge(name string, lines []recorded) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var got, want []string
	var told, messages []etf.Term
	for _, e := range s.events {
		if e.Kind == fedecks.EventMessage {
			messages = append(messages, e.Term)
		}
		if e.Kind != fedecks.EventDropped {
			got = append(got, e.Kind.String())
		}
	}
	for _, l := range lines {
		if l.Kind != "event" {
			continue
		}
		want = append(want, l.name())
		if l.name() == "message" {
			term, err := protocol.Codec{AnyAtom: true}.Decode(l.ETF)
			require.NoError(s.t, err)
			told = append(told, term.(etf.Tuple)[1])
		}
	}
	if mayDiffer[name] != "" {
		return
	}
	d, differs := differsToServers[name]
	if !d.messages {
		require.Equal(s.t, told, messages, "messages")
	}
	if differs {
		require.NotEqual(s.t, want, got, "equal after all: take it off the table")
		want = strings.Fields(d.events)
	}
	require.Equal(s.t, want, got, "events")
}

// acceptKey is the server's answer to a nonce (RFC 6455 section 4.2.2).
func acceptKey(nonce string) string {
	sum := sha1.Sum(
		[]byte(nonce + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"),
	) //nolint:gosec // what the RFC prescribes
	return base64.StdEncoding.EncodeToString(sum[:])
}
