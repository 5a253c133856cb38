package e2e

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/tests/output"
)

// terminal is a program whose input the test writes and whose output it reads.
type terminal struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *output.Text // standard output
	log  *output.Text // standard error
	read int          // how much of out has been looked at
}

// open starts a program; it is killed at the end of the test if it still runs.
func open(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	x := &terminal{t: t, cmd: cmd, out: &output.Text{}, log: &output.Text{}}
	cmd.Stdout, cmd.Stderr = x.out, x.log
	cmd.WaitDelay = patience
	var err error
	x.in, err = cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return x
}

func (x *terminal) types(text string) {
	x.t.Helper()
	_, err := io.WriteString(x.in, text+"\n")
	require.NoError(x.t, err, "%s", x.log)
}

// sees waits for a line of standard output, behind the one that was seen last, and gives what the
// brackets of the pattern hold.
func (x *terminal) sees(pattern string) string {
	x.t.Helper()
	return x.until(pattern, func() string { return x.out.String()[x.read:] },
		func(n int) { x.read += n })
}

// complains waits for a line of standard error.
func (x *terminal) complains(pattern string) {
	x.t.Helper()
	x.until(pattern, x.log.String, func(int) {})
}

func (x *terminal) until(pattern string, text func() string, took func(n int)) (found string) {
	x.t.Helper()
	line := regexp.MustCompile("(?m)^" + pattern + "\n")
	var m []int
	ok := assert.Eventually(x.t, func() bool {
		m = line.FindStringSubmatchIndex(text())
		return m != nil
	}, patience, 10*time.Millisecond)
	if !ok {
		require.FailNow(x.t, "no line "+pattern, "output:\n%s\nerrors:\n%s", x.out, x.log)
	}
	if len(m) > 2 {
		found = text()[m[2]:m[3]]
	}
	took(m[1])
	return found
}

// exits waits for the end.
func (x *terminal) exits(code int) {
	x.t.Helper()
	_ = x.in.Close()
	_ = x.cmd.Wait() // the code says it
	require.Equal(x.t, code, x.cmd.ProcessState.ExitCode(), "output:\n%s\nerrors:\n%s", x.out, x.log)
}

func (x *terminal) interrupt() {
	x.t.Helper()
	require.NoError(x.t, x.cmd.Process.Signal(syscall.SIGINT))
	x.exits(0)
}

func fedecksServer(t *testing.T, listen string) (server *terminal, url string) {
	t.Helper()
	server = open(
		t,
		exec.Command(program(t, "sim"), "fedecks", "server", "--listen", listen, "--username", "bob",
			"--secret", "s3cret"),
	)
	url = server.sees(`listening on (ws://\S+)`)
	server.read = 0 // others of a cluster may have been heard of before
	return server, url
}

// fedecksClient starts a device that logs in with a password, or with none.
func fedecksClient(t *testing.T, url, device, password, dir string) *terminal {
	t.Helper()
	args := []string{"fedecks", "client", "--url", url, "--device-id", device, "--token-dir", dir}
	if password != "" {
		args = append(args, "--username", "bob")
	}
	cmd := exec.Command(program(t, "sim"), args...)
	cmd.Env = os.Environ()
	if password != "" {
		cmd.Env = append(cmd.Env, "FEDECKS_PASSWORD="+password)
	}
	return open(t, cmd)
}

func TestFedecksAtTheTerminal(t *testing.T) {
	t.Setenv("FEDECKS_PASSWORD", "right")
	server, url := fedecksServer(t, "127.0.0.1:0")
	require.NoError(t, os.Unsetenv("FEDECKS_PASSWORD"))
	dir := t.TempDir()

	wrong := fedecksClient(t, url, "gw-1", "wrong", dir)
	wrong.sees("upgrade_failed: 403.*")
	wrong.exits(1)
	wrong.complains("sim: log in as gw-1: 403.*")
	server.sees(`gw-1 refused: "authentication_failed"`)
	stranger := fedecksClient(t, url, "gw-1", "", dir)
	stranger.exits(1)
	stranger.complains("sim: there is no token: log in .*")

	client := fedecksClient(t, url, "gw-1", "right", dir)
	client.types(`{early, "bird"}.`) // waits for the connection
	client.sees("unregistered")
	client.sees("connecting")
	client.sees("connected")
	server.sees("gw-1 connected")
	server.sees(`gw-1 > {early,"bird"}`)
	client.types("{temperature,\n  21.50}.  % over two lines")
	server.sees(`gw-1 > {temperature,21\.5}`)
	server.types(`{ok, <<"höhe"/utf8>>, #{'A b' => [1, 2 | 3]}}.`)
	client.sees(`server > {ok,<<"höhe"/utf8>>,#{'A b' => \[1,2\|3\]}}`)

	other := fedecksClient(t, url, "gw-2", "right", dir)
	other.sees("connected")
	server.sees("gw-2 connected")
	server.types("gw-2 for_two.\ngw-3 lost.\n{oops].\n[for, all].")
	other.sees("server > for_two")
	other.sees(`server > \[for,all\]`)
	client.sees(`server > \[for,all\]`)
	require.NotContains(t, client.out.String(), "for_two", "that was for another")
	server.complains("push to gw-3: device is not connected")
	server.complains(`read term: line 1, column 6: expected "," or "}", found ']'`)
	other.types("token_please. {token, <<1>>}. \"token_please\".")
	other.complains("send: message is reserved .*")
	server.sees("gw-2 > {token,<<1>>}")

	client.interrupt()
	server.sees("gw-1 disconnected")
	client = fedecksClient(t, url, "gw-1", "", dir) // the token is all that it has
	client.sees("connected")
	server.sees("gw-1 connected")
	require.NoError(t, client.in.Close())
	server.types("still_there.")
	client.sees("server > still_there")

	server.interrupt()
	client.sees("connection_lost.*")
	address := strings.TrimPrefix(strings.TrimSuffix(url, "/fedecks/websocket"), "ws://")
	t.Setenv("FEDECKS_PASSWORD", "right")
	server, _ = fedecksServer(t, address) // the same secret: tokens are still good
	client.sees("connected")
	server.sees("gw-1 connected")
	require.NoError(t, server.in.Close())
	client.interrupt()
	server.sees("gw-1 disconnected")
	other.interrupt()
	server.interrupt()
}

// The README's way through Fedecks, with its programs as they stand there.
func TestTheREADMEsFedecks(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, chapter, _ := strings.Cut(string(readme), "\n## Fedecks\n")
	chapter, _, _ = strings.Cut(chapter, "\n## ")
	programs := regexp.MustCompile("(?s)```go\n(package main\n.*?)```").
		FindAllStringSubmatch(chapter, -1)
	require.Len(t, programs, 2, "a server and a device")

	const address = "127.0.0.1:4000"
	var lc net.ListenConfig
	free, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0") // the README's port can be in use
	require.NoError(t, err)
	port := free.Addr().String()
	require.NoError(t, free.Close())
	dir := t.TempDir()
	for i, name := range []string{"server", "device"} {
		text := programs[i][1]
		require.Contains(t, text, address)
		source := filepath.Join(dir, name+".go")
		require.NoError(t, os.WriteFile(source, []byte(strings.ReplaceAll(text, address, port)), 0o600))
		out, err := exec.Command("go", "build", "-o", filepath.Join(dir, name), source).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	run := func(name string, args ...string) *terminal {
		cmd := exec.Command(filepath.Join(dir, name), args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "FEDECKS_SECRET=s3cret", "FEDECKS_SALT=salt")
		return open(t, cmd)
	}
	server := run("server")
	require.Eventually(t, func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", port)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, patience, 10*time.Millisecond, "the server listens")
	host, err := os.Hostname()
	require.NoError(t, err)
	device := run("device", "bob's password")
	device.sees("unregistered .*")
	device.sees("connecting .*")
	device.sees("connected")
	server.sees("from " + regexp.QuoteMeta(host) + ` {temperature,21\.5}`)
	require.Equal(
		t,
		"connections: 1 error: <nil>\n",
		ask(t, http.MethodPost, "http://"+port+"/news/"+host, ""),
	)
	device.sees(`from the server \[<<"hello">>,<<"device">>,42\]`)

	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(dir, "fedecks.token"))
		return err == nil
	}, patience, 10*time.Millisecond, "it keeps the token")
	require.NoError(t, device.cmd.Process.Kill())
	_ = device.cmd.Wait() // killed
	device = run("device")
	device.sees("connected")
	server.sees("from " + regexp.QuoteMeta(host) + ` {temperature,21\.5}`)
}
