package server_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/fedecks/server"
	"github.com/hublink-go/hublink/protocol/etf"
	"github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/tests/golden"
)

// The secret and salt of the recordings.
const (
	recordedSecret = "P0bx8wgidqtRCE53Vng1pESXHT9k1OD7HwAnwpAfCHd6La3VPfc+ZLpQRPYbAdqg"
	recordedSalt   = "f+iKwc1sXyEUcw1zaAZxJCy/VTcSWb83/tNDGNIyw8spS4In53XpJnMvYAgCrI1X"
)

// b64 is octets in a recording.
type b64 []byte

func (b *b64) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	var err error
	*b, err = base64.StdEncoding.DecodeString(text)
	return err
}

// recorded is one line of a recording of the original client and server.
type recorded struct {
	Dir, Kind, Callback string
	Conn                int
	FirstLine           string `json:"first_line"`
	Headers             [][2]string
	B64                 b64
	Fin, RSV, Opcode    byte
	Args, Message       termText
}

// termText is a recorded term; some callbacks have only a text of theirs.
type termText struct{ ETF b64 }

func (x *termText) UnmarshalJSON(data []byte) error {
	if data[0] != '{' {
		return nil
	}
	var object struct {
		ETF b64 `json:"etf_b64"`
	}
	err := json.Unmarshal(data, &object)
	x.ETF = object.ETF
	return err
}

// differsToClients are the recordings in which our server does not do what the original did, and
// why. All others are equal: the same status for every request, the same callbacks with the same
// terms in the same order, a token for every request of one.
var differsToClients = map[string]string{
	"device_id_130_bytes": "fault 11: an id that cannot be pinged with is refused at once",
	"device_id_300_bytes": "fault 11",
	"token_file_integer":  "fault 10: a token that is no binary is a refusal, not a crash",
	"bare_handler":        "its callbacks were not recorded",
}

// rejudged are the statuses that our server gives in those.
var rejudged = map[string]int{
	"device_id_130_bytes": 403,
	"device_id_300_bytes": 403,
	"token_file_integer":  403,
}

func TestReplayRecordedClients(t *testing.T) {
	var table strings.Builder
	verdict := func(name, v string) { fmt.Fprintf(&table, "  %-32s %s\n", name, v) }
	for _, file := range golden.Files(t, "transcripts/fedecks/*.jsonl", "../testdata") {
		name := strings.TrimSuffix(filepath.Base(file), ".jsonl")
		if strings.HasPrefix(name, "raw_server") {
			verdict(name, "see the table of TestReplayRawRequests")
			continue
		}
		if name == "secret_rotated" { // not in this repository, but may be in HUBLINK_DATA
			verdict(
				name,
				"its second secret was not recorded; TestRefusedTokenEndsInUnregistered shows the rotation",
			)
			continue
		}
		lines := golden.Lines[recorded](t, file)
		if !slices.ContainsFunc(
			lines,
			func(l recorded) bool { return l.Dir == "c2s" && l.Kind == "http" },
		) {
			verdict(name, "not a wire transcript")
			continue
		}
		t.Run(
			name,
			func(t *testing.T) { synctest.Test(t, func(t *testing.T) { replayClient(t, name, lines) }) },
		)
		if why := differsToClients[name]; why != "" {
			verdict(name, "equal up to "+why)
		} else {
			verdict(name, "equal")
		}
	}
	t.Logf("recorded clients and our server:\n%s", &table)
}

// replay is our server with the recorded devices.
type replay struct {
	t     *testing.T
	name  string
	lines []recorded
	wires map[int]*wire
	calls []string // as "callback octets"
	raise bool
}

func call(callback string, data []byte) string {
	return callback + " " + base64.StdEncoding.EncodeToString(data)
}

func reencoded(t *testing.T, term etf.Term) []byte {
	data, err := etf.Encode(term)
	require.NoError(t, err)
	return data
}

func replayClient(t *testing.T, name string, lines []recorded) {
	r := &replay{t: t, name: name, lines: lines, wires: map[int]*wire{}}
	srv, err := server.New(server.Config{
		Salt: recordedSalt, Secrets: []string{recordedSecret},
		Codec:  fedecks.Codec{Atoms: knownAtoms(t, lines)},
		Limits: server.Limits{Rate: -1}, Handler: r.handler(), Duplicates: server.AllowBoth,
	})
	require.NoError(t, err)
	require.NoError(t, srv.Start(t.Context()))
	mux := http.NewServeMux()
	for _, socket := range []string{"fedecks", "short", "bare"} { // those of the recorded endpoint
		mux.Handle("/"+socket+"/websocket", srv)
	}
	m, stop := serveWire(mux)
	defer func() {
		for _, w := range r.wires {
			w.close()
		}
		require.NoError(t, srv.Stop(context.Background()))
		stop()
	}()
	for i, l := range lines {
		if l.Dir == "c2s" {
			r.device(m, i, l)
		}
	}
	synctest.Wait()
	if _, ok := differsToClients[name]; !ok {
		require.Equal(t, r.recordedCalls(), r.calls)
	}
	if strings.HasPrefix(name, "device_id_") {
		require.Empty(t, r.calls, "Authenticate is not called for such a device")
	}
}

// knownAtoms are those that the recorded server knew: those in what it took for terms.
func knownAtoms(t *testing.T, lines []recorded) etf.AtomSet {
	var names []string
	for _, l := range lines {
		for l.Callback == "handle_in" {
			_, err := fedecks.Codec{Atoms: etf.Atoms(names...)}.Decode(l.Message.ETF)
			var unknown *etf.UnknownAtomError
			if !errors.As(err, &unknown) {
				break
			}
			names = append(names, unknown.Name)
		}
	}
	return etf.Atoms(names...)
}

// handler does as the recorded one did, as far as its answers are known: credentials, and echoes.
func (r *replay) handler() server.Handler {
	return server.Handler{
		Authenticate: func(_ context.Context, l server.Login) (bool, error) {
			r.calls = append(r.calls, call("authenticate?", reencoded(r.t, l.Credentials)))
			if r.raise {
				return false, errors.New("as recorded")
			}
			user, _ := l.Credentials.Text("username")
			password, _ := l.Credentials.Text("password")
			return user == "bob" && password == "bob's password", nil
		},
		HandleIn: func(_ context.Context, _ *server.Session, term etf.Term) (server.Answer, error) {
			r.calls = append(r.calls, call("handle_in", reencoded(r.t, term)))
			if pair, ok := term.(etf.Tuple); ok && len(pair) == 2 {
				if tag, ok := pair[0].(etf.Binary); ok && string(tag) == "echo" {
					return server.Reply(pair[1]), nil
				}
			}
			return server.Answer{}, nil
		},
		HandleRawIn: func(_ context.Context, _ *server.Session, data []byte) (server.Answer, error) {
			r.calls = append(r.calls, call("handle_raw_in", data))
			return server.Answer{}, nil
		},
	}
}

func (r *replay) recordedCalls() (calls []string) {
	for _, l := range r.lines {
		switch l.Callback {
		case "authenticate?":
			calls = append(calls, call(l.Callback, l.Args.ETF))
		case "handle_in":
			calls = append(calls, call(l.Callback, l.Message.ETF))
		case "handle_raw_in":
			calls = append(calls, call(l.Callback, l.B64))
		}
	}
	return calls
}

// device does what the recorded device did at line i.
func (r *replay) device(m *memory, i int, l recorded) {
	switch l.Kind {
	case "tcp_open":
		r.wires[l.Conn] = dialWire(r.t, m)
	case "http":
		answer := r.answer(i, l.Conn)
		r.raise = answer.status == http.StatusInternalServerError
		if at, err := http.ParseTime(answer.date); err == nil {
			time.Sleep(time.Until(at.Add(999 * time.Millisecond))) // the header has whole seconds
		}
		w := r.wires[l.Conn]
		w.write(l.B64)
		want := answer.status
		if other, ok := rejudged[r.name]; ok {
			want = other
		}
		if got := w.status(); want != 0 {
			require.Equal(r.t, want, got, "%s", l.FirstLine)
		}
	case "frame":
		w := r.wires[l.Conn]
		w.frames()
		w.write(masked(l.Fin<<7|l.RSV<<4|l.Opcode, l.B64))
		r.compare(i, l, w.frames())
	case "tcp_close":
		r.wires[l.Conn].close()
	}
}

type answered struct {
	status int // 0: none was recorded
	date   string
}

func (r *replay) answer(i, conn int) (a answered) {
	for _, l := range r.lines[i:] {
		if l.Conn != conn || l.Dir != "s2c" || l.Kind != "http" {
			continue
		}
		a.status, _ = strconv.Atoi(strings.Fields(l.FirstLine)[1])
		for _, h := range l.Headers {
			if h[0] == "date" {
				a.date = h[1]
			}
		}
		return a
	}
	return a
}

// compare checks what a frame of the device brought forth: a token for the same device, or a frame
// that the original sent too.
func (r *replay) compare(i int, l recorded, got []wsFrame) {
	var theirs []recorded
	for _, later := range r.lines[i:] {
		if later.Conn == l.Conn && later.Dir == "s2c" && later.Kind == "frame" {
			theirs = append(theirs, later)
		}
	}
	if rejudged[r.name] != 0 {
		return
	}
	if string(l.B64) == "\x83k\x00\x0ctoken_please" && len(theirs) > 0 && l.Opcode == 2 {
		require.Len(r.t, got, 1, "a request brings a token")
	}
	for _, g := range got {
		if l.Opcode == 9 && g.op == 10 { // one recording drops pongs on their way
			require.Equal(r.t, []byte(l.B64), g.payload)
			continue
		}
		require.True(
			r.t,
			slices.ContainsFunc(
				theirs,
				func(f recorded) bool { return f.Opcode == g.op && same(r.t, f.B64, g.payload) },
			),
			"the original did not send %x",
			g.payload,
		)
	}
}

// same compares payloads; tokens by the device that they are for.
func same(t *testing.T, a, b []byte) bool {
	deviceA, okA := tokenDevice(t, a)
	deviceB, okB := tokenDevice(t, b)
	if okA && okB {
		return deviceA == deviceB
	}
	return bytes.Equal(a, b)
}

func tokenDevice(t *testing.T, payload []byte) (string, bool) {
	term, err := fedecks.Codec{AnyAtom: true}.Decode(payload)
	pair, ok := term.(etf.Tuple)
	if err != nil || !ok || len(pair) != 2 {
		return "", false
	}
	token, ok := pair[1].(etf.Binary)
	tag, isList := pair[0].(etf.List)
	if text, _ := tag.Octets(); !ok || !isList || text != "token" {
		return "", false
	}
	keys, err := fedecks.NewKeyring(recordedSalt, recordedSecret)
	require.NoError(t, err)
	opened, err := keys.Open(string(token), time.Time{}) // a token from the future is good
	require.NoError(t, err)
	return opened.Device, true
}

// rawCase is one hostile or odd request and what the original did.
type rawCase struct {
	Case, Method, Path, Status string
	Headers                    []string
	Sent                       []string `json:"sent_b64"`
	Frames                     []struct {
		Opcode byte
		B64    b64
	}
	Closed bool `json:"closed_by_server"`
}

// differsToRaw are the requests that our server judges otherwise, with its status, and why. All
// others have the same status and bring the same frames. (Whether credentials are looked at before
// the upgrade is valid, fault 15, is TestRequestIsJudgedBeforeCredentials.)
var differsToRaw = map[string]struct {
	status int
	why    string
}{
	"base64 with trailing space":   {101, "net/http trims it, as Cowboy does"},
	"two auth headers, good first": {403, "ambiguous: refused, as with Cowboy"},
	"device id is an integer":      {403, "fault 11"},
	"device id is nil":             {403, "fault 11"},
	"device id is a map":           {403, "fault 11"},
	"device id empty":              {403, "fault 11"},
	"token is an integer":          {403, "fault 10"},
	"token is a list":              {403, "fault 10"},
	"websocket version 8":          {426, "RFC 6455 section 4.4"},
	"unmasked frame":               {101, "closed with 1002 as Cowboy does; Bandit did nothing"},
	"close 4000":                   {101, "its code is echoed, as Cowboy does"},
	"close empty":                  {101, "answered without a code"},
	"binary 8 MiB":                 {101, "recorded cut; TestOverSockets sends 8 MiB"},
	"echo 8 MiB":                   {101, "recorded cut; TestOverSockets sends 8 MiB"},
	"path with trailing slash":     {404, "the mux's business"},
}

// framesDiffer are those of them whose frames are not compared.
var framesDiffer = []string{
	"unmasked frame",
	"close 4000",
	"close empty",
	"binary 8 MiB",
	"echo 8 MiB",
}

func TestReplayRawRequests(t *testing.T) {
	for _, file := range golden.Files(t, "transcripts/fedecks/*.jsonl", "../testdata") {
		if !strings.HasPrefix(filepath.Base(file), "raw_server") {
			continue
		}
		var table strings.Builder
		for _, c := range golden.Lines[rawCase](t, file) {
			t.Run(c.Case, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { replayRaw(t, c) }) })
			v := "equal"
			if d, ok := differsToRaw[c.Case]; ok {
				v = fmt.Sprintf("%d: %s", d.status, d.why)
			}
			fmt.Fprintf(&table, "  %-36s %s\n", c.Case, v)
		}
		t.Logf("%s and our server:\n%s", filepath.Base(file), &table)
	}
}

func replayRaw(t *testing.T, c rawCase) {
	r := &replay{t: t}
	srv, err := server.New(server.Config{
		Salt: recordedSalt, Secrets: []string{recordedSecret}, Handler: r.handler(),
		Codec: fedecks.Codec{Atoms: etf.Atoms("token")},
	})
	require.NoError(t, err)
	require.NoError(t, srv.Start(t.Context()))
	mux := http.NewServeMux()
	for _, socket := range []string{"fedecks", "short", "bare"} { // those of the recorded endpoint
		mux.Handle("/"+socket+"/websocket", srv)
	}
	m, stop := serveWire(mux)
	w := dialWire(t, m)
	defer func() {
		w.close()
		require.NoError(t, srv.Stop(context.Background()))
		stop()
	}()
	w.write(c.request())
	want, err := strconv.Atoi(strings.Fields(c.Status)[1])
	require.NoError(t, err)
	if d, ok := differsToRaw[c.Case]; ok {
		want = d.status
	}
	require.Equal(t, want, w.status())
	if !slices.Contains(framesDiffer, c.Case) {
		for _, part := range c.Sent {
			data, err := base64.StdEncoding.DecodeString(part)
			require.NoError(t, err)
			w.write(data)
		}
		got := w.frames()
		require.Len(t, got, len(c.Frames))
		for i, f := range c.Frames {
			require.Equal(t, f.Opcode, got[i].op)
			require.True(t, same(t, f.B64, got[i].payload), "want %x, got %x", f.B64, got[i].payload)
		}
		if want == http.StatusSwitchingProtocols && c.Closed {
			time.Sleep(2 * time.Second)
			require.True(t, w.ended(), "the server closes")
		}
	}
}

// request is what the recorded one was: the usual headers of an upgrade, but for the cases that are
// about these.
func (c rawCase) request() []byte {
	var b bytes.Buffer
	b.WriteString(c.Method + " " + c.Path + " HTTP/1.1\r\nHost: localhost\r\n")
	usual := [][2]string{
		{
			"Upgrade",
			"websocket",
		},
		{"Connection", "Upgrade"},
		{"Sec-WebSocket-Version", "13"},
		{"Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="},
	}
	switch c.Case {
	case "good auth, no upgrade headers":
		usual = nil
	case "websocket version 8":
		usual[2][1] = "8"
	case "no websocket key":
		usual = usual[:3]
	}
	for _, h := range usual {
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	for _, h := range c.Headers {
		b.WriteString(h + "\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}
