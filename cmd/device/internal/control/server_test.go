package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fake is a device that remembers what it was asked for.
type fake struct {
	mu     sync.Mutex
	asked  []string
	failed error
}

func (d *fake) ask(what string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, what)
	return d.failed
}

func (d *fake) calls() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.asked...)
}

func (d *fake) Status() Status {
	uuid := "fw-1"
	return Status{
		Connection: "connected",
		Identifier: "press-0042",
		UpdateTool: UpdateTool,
		Firmware:   &Firmware{UUID: &uuid},
	}
}

func (d *fake) Commit(context.Context) error { return d.ask("commit") }
func (d *fake) Reconnect() error             { return d.ask("reconnect") }
func (d *fake) Reboot(reason string) error   { return d.ask("reboot: " + reason) }

func serve(t *testing.T, device Device) *Server {
	t.Helper()
	s, err := Listen(Options{Path: filepath.Join(t.TempDir(), "s"), Mode: 0o600, Version: "1.2.3"},
		device)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// peer is a program that speaks the protocol by hand.
type peer struct {
	t     *testing.T
	conn  net.Conn
	lines *bufio.Scanner
}

func dialPeer(t *testing.T, s *Server) *peer {
	t.Helper()
	conn, err := net.Dial("unix", s.opts.Path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	return &peer{t: t, conn: conn, lines: bufio.NewScanner(conn)}
}

func (p *peer) say(line string) {
	p.t.Helper()
	_, err := p.conn.Write([]byte(line + "\n"))
	require.NoError(p.t, err)
}

func (p *peer) hear(want string) {
	p.t.Helper()
	require.True(p.t, p.lines.Scan(), "an answer is expected, the connection ended: %v", p.lines.Err())
	require.JSONEq(p.t, want, p.lines.Text())
}

func (p *peer) hearEnd() {
	p.t.Helper()
	require.False(p.t, p.lines.Scan(), "the connection has to end, but there is a line: %s",
		p.lines.Text())
}

const (
	observer   = `{"type":"hello","name":"t","api":1}`
	controller = `{"type":"hello","name":"t","api":1,"role":"controller"}`
)

func welcome(role string) string {
	return fmt.Sprintf(
		`{"type":"welcome","agent_version":"1.2.3","api":1,"role":%q,"update_tool":"slots"}`,
		role,
	)
}

// connect is a peer that has said hello.
func connect(t *testing.T, s *Server) *peer {
	t.Helper()
	p := dialPeer(t, s)
	p.say(observer)
	p.hear(welcome("observer"))
	return p
}

func failure(id, code, message string) string {
	out, _ := json.Marshal(
		Frame{Type: typeResponse, ID: json.RawMessage(id), Error: &Error{code, message}},
	)
	return string(out)
}

func TestHelloIsRefused(t *testing.T) {
	s := serve(t, &fake{})
	for name, c := range map[string]struct{ line, code, has string }{
		"another version":  {`{"type":"hello","name":"t","api":2}`, CodeAPIMismatch, "API 1"},
		"an unknown role":  {`{"type":"hello","name":"t","api":1,"role":"boss"}`, CodeBadRequest, "role"},
		"no name":          {`{"type":"hello","api":1}`, CodeBadRequest, "hello"},
		"no version":       {`{"type":"hello","name":"t"}`, CodeBadRequest, "hello"},
		"a request":        {`{"type":"request","id":"1","method":"reboot"}`, CodeBadRequest, "hello"},
		"something else":   {`GET / HTTP/1.1`, CodeBadRequest, "JSON"},
		"an empty line":    {``, CodeBadRequest, "JSON"},
		"a negative api":   {`{"type":"hello","name":"t","api":-1}`, CodeAPIMismatch, "API 1"},
		"an api in quotes": {`{"type":"hello","name":"t","api":"1"}`, CodeBadRequest, "JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			p := dialPeer(t, s)
			p.say(c.line)
			require.True(t, p.lines.Scan())
			var f Frame
			require.NoError(t, json.Unmarshal(p.lines.Bytes(), &f))
			require.Equal(t, `"hello"`, string(f.ID))
			require.Equal(t, c.code, f.Error.Code)
			require.Contains(t, f.Error.Message, c.has)
			p.hearEnd()
		})
	}
}

func TestOneController(t *testing.T) {
	s := serve(t, &fake{})
	first := dialPeer(t, s)
	first.say(controller)
	first.hear(welcome("controller"))

	second := dialPeer(t, s)
	second.say(controller)
	second.hear(failure(`"hello"`, CodeControllerTaken, "another controller is connected"))
	second.hearEnd()
	connect(t, s) // observers are not concerned

	require.NoError(t, first.conn.Close())
	require.Eventually(t, func() bool { // the server notices the end on its own time
		third := dialPeer(t, s)
		third.say(controller)
		return third.lines.Scan() && strings.Contains(third.lines.Text(), "welcome")
	}, time.Minute, time.Millisecond, "the place is free again when the controller has gone")
}

func TestRequests(t *testing.T) {
	device := &fake{}
	p := connect(t, serve(t, device))
	const ok = `{"type":"response","id":"1","result":{}}`
	status := `{"type":"response","id":"1","result":{"connection":"connected","identifier":"press-0042","update_tool":"slots",
		"firmware":{"uuid":"fw-1","version":null,"product":null,"platform":null,"architecture":null},"update":null,"pending_validation":false}}`
	for _, c := range []struct{ say, hear string }{
		{`{"type":"request","id":"1","method":"status"}`, status},
		{`{"type":"request","id":"1","method":"status","params":{},"more":[1]}`, status},
		{`{"type":"request","id":"1","method":"mark_valid","params":null}`, ok},
		{`{"type":"request","id":"1","method":"reconnect"}`, ok},
		{`{"type":"request","id":"1","method":"reboot","params":{"reason":"belt cleared"}}`, ok},
		{`{"type":"request","id":"1","method":"reboot"}`, ok},
		{`{"type":"request","id":7,"method":"reconnect"}`, `{"type":"response","id":7,"result":{}}`},
		{
			`{"type":"request","id":"1","method":"reboot","params":[]}`,
			failure(`"1"`, CodeBadRequest, `params of reboot: {"reason": text or null}`),
		},
		{
			`{"type":"request","id":"1","method":"dance"}`,
			failure(`"1"`, CodeUnknownMethod,
				"methods are status, mark_valid, reboot, reconnect and subscribe"),
		},
		{
			`{"type":"request","id":"1","method":"metrics","params":{"values":{}}}`,
			failure(`"1"`, CodeUnsupported, "this agent takes no metrics on the control socket"),
		},
		{
			`{"type":"request","id":"1","method":"identify"}`,
			failure(`"1"`, CodeWrongDirection,
				"identify is a question of the agent's, and this agent does not ask it"),
		},
		{`{"type":"welcome","id":"1"}`, failure(`"1"`, CodeBadRequest,
			"only requests are expected after the hello")},
		{`{"type":"request","id":{"a":1}}`, failure("", CodeBadRequest,
			"id has to be a string or a number of at most 256 bytes")},
		{`nonsense`, failure("", CodeBadRequest, "the line is not a JSON object of this protocol")},
		{"\n" + `{"type":"request","id":"1","method":"reconnect"}`, ok}, // empty lines are nothing
	} {
		p.say(c.say)
		p.hear(c.hear)
	}
	require.Equal(t, []string{
		"commit", "reconnect", "reboot: belt cleared", "reboot: asked for on the control socket",
		"reconnect", "reconnect",
	}, device.calls())
}

func TestFailuresOfTheDevice(t *testing.T) {
	p := connect(t, serve(t, &fake{failed: errors.New("not now")}))
	for method, code := range map[string]string{
		MethodMarkValid: CodeMarkValidFailed, MethodReconnect: CodeStopping, MethodReboot: CodeStopping,
	} {
		p.say(`{"type":"request","id":"1","method":"` + method + `"}`)
		p.hear(failure(`"1"`, code, "not now"))
	}
}

func TestEventsGoToSubscribers(t *testing.T) {
	s := serve(t, &fake{})
	p := dialPeer(t, s)
	p.say(`{"type":"hello","name":"t","api":1,"subscribe":["connection","no-such-event"]}`)
	p.hear(welcome("observer"))
	s.Publish(EventProgress, ProgressEvent{Stage: "updating", Percent: 3})
	s.Publish(EventConnection, ConnectionEvent{State: "connected"})
	p.hear(`{"type":"event","event":"connection","payload":{"state":"connected"}}`)

	p.say(`{"type":"request","id":"1","method":"subscribe","params":{"events":["update_progress"]}}`)
	p.hear(`{"type":"response","id":"1","result":{}}`)
	s.Publish(EventConnection, ConnectionEvent{State: "disconnected"})
	s.Publish(EventProgress, ProgressEvent{Stage: "updating", Percent: 4})
	p.hear(`{"type":"event","event":"update_progress","payload":{"stage":"updating","percent":4}}`)
}

func TestSlowSubscriberCostsNobody(t *testing.T) {
	s := serve(t, &fake{})
	p := dialPeer(t, s)
	p.say(`{"type":"hello","name":"t","api":1,"subscribe":["update_failed"]}`)
	p.hear(welcome("observer"))
	reason := strings.Repeat("x", 8000)
	const published = 1000 // far more than the queue and the socket's buffer take
	for i := range published {
		s.Publish(EventFailed, FailedEvent{Reason: fmt.Sprintf("%d %s", i, reason)})
	}
	heard := 0
	for last := false; !last; heard++ {
		require.True(t, p.lines.Scan())
		last = strings.Contains(
			p.lines.Text(),
			fmt.Sprintf(`"%d x`, published-1),
		) // the newest is never the one that is dropped
	}
	require.Less(t, heard, published)
}

func TestLimits(t *testing.T) {
	s := serve(t, &fake{})
	t.Run("line", func(t *testing.T) {
		p := connect(t, s)
		p.say(`{"type":"request","id":"1","method":"` + strings.Repeat("m", maxLine) + `"}`)
		p.hear(failure("", CodeBadRequest, tooLong))
		p.hearEnd()
	})
	t.Run("connections", func(t *testing.T) {
		require.Eventually(t, func() bool { // those of the test before have gone
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.sessions) == 0
		}, time.Minute, time.Millisecond)
		for range maxConnections {
			connect(t, s)
		}
		dialPeer(t, s).hearEnd()
	})
}

func TestSocketFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "s")
	opts := Options{Path: path, Mode: 0o640}
	s, err := Listen(opts, &fake{})
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o640), info.Mode().Perm())
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing but the socket stays in its directory")

	_, err = Listen(opts, &fake{})
	require.ErrorIs(t, err, ErrBusy)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	require.NoFileExists(t, path)
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	dead.SetUnlinkOnClose(false)
	require.NoError(t, dead.Close())

	s, err := Listen(Options{Path: path, Mode: 0o600}, &fake{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

func TestListenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("precious"), 0o600))
	for name, c := range map[string]struct {
		opts Options
		has  string
	}{
		"a file":       {Options{Path: file}, "no socket"},
		"below a file": {Options{Path: filepath.Join(file, "s")}, "not a directory"},
		"a long path":  {Options{Path: filepath.Join(dir, strings.Repeat("x", 100))}, "too long"},
		"an unknown group": {
			Options{Path: filepath.Join(dir, "s"), Group: "no-such-group-here"},
			"no-such-group-here",
		},
	} {
		_, err := Listen(c.opts, &fake{})
		require.ErrorContains(t, err, c.has, name)
	}
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "precious", string(data))
	require.NoFileExists(t, filepath.Join(dir, "s"))
}
