package fedecks

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	client "github.com/hublink-go/hublink/actors/fedecks"
	"github.com/hublink-go/hublink/actors/fedecks/server"
	"github.com/hublink-go/hublink/cmd/sim/internal/report"
	"github.com/hublink-go/hublink/protocol/transport"
	"github.com/hublink-go/hublink/tests/output"
)

// within is how long something on a real socket may take.
const within = 20 * time.Second

// seat is one end of a link, and who sits there.
type seat struct {
	t        *testing.T
	out, err *output.Text
	keyboard *io.PipeWriter
	input    Input
	ended    chan error
	stop     context.CancelFunc
}

// sit runs an end until the test is over.
func sit(t *testing.T, run func(ctx context.Context, s *seat) error) *seat {
	t.Helper()
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	s := &seat{
		t: t, out: &output.Text{}, err: &output.Text{}, keyboard: w,
		input: Input{Reader: r, Terminal: true}, ended: make(chan error, 1), stop: cancel,
	}
	go func() { s.ended <- run(ctx, s) }()
	t.Cleanup(func() {
		cancel()
		_ = w.Close()
		select {
		case err := <-s.ended:
			s.ended <- err // read by stop
		case <-time.After(within):
			t.Error("it does not end")
		}
	})
	return s
}

func (s *seat) types(text string) {
	s.t.Helper()
	_, err := io.WriteString(s.keyboard, text+"\n")
	require.NoError(s.t, err)
}

// sees waits for a line and gives what the brackets of the pattern hold.
func (s *seat) sees(pattern string) (found string) {
	s.t.Helper()
	line := regexp.MustCompile("(?m)^" + pattern + "$")
	require.Eventually(s.t, func() bool {
		m := line.FindStringSubmatch(s.out.String())
		if m != nil {
			found = m[len(m)-1]
		}
		return m != nil
	}, within, 5*time.Millisecond, "%s in\n%s", pattern, s.out)
	return found
}

// ends waits for the end and gives its error back.
func (s *seat) ends() error {
	s.t.Helper()
	select {
	case err := <-s.ended:
		s.ended <- err
		return err
	case <-time.After(within):
		require.FailNow(s.t, "it does not end", "%s", s.out)
		return nil
	}
}

func serve(t *testing.T, listen, secret string, conf *tls.Config) (s *seat, url string) {
	t.Helper()
	s = sit(t, func(ctx context.Context, s *seat) error {
		return Serve(ctx, ServerConfig{
			Listen: listen, TLS: conf, Username: "bob", Password: "right", Input: s.input,
			Server: server.Config{Salt: "salt", Secrets: []string{secret}},
			Out:    &report.Printer{Out: s.out}, Err: &report.Printer{Out: s.err},
		})
	})
	return s, s.sees(`listening on (wss?://\S+)`)
}

type options struct {
	password, dir string
	login         bool
	dialer        transport.Dialer
}

func connect(t *testing.T, address string, o options) *seat {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return sit(t, func(ctx context.Context, s *seat) error {
		cfg := ClientConfig{
			Client: client.Config{
				URL: address, DeviceID: "gw", TokenFile: TokenFile(o.dir, "gw", u), Dialer: o.dialer,
				Times: client.Times{
					ConnectDelay: time.Millisecond,
					BackoffMin:   time.Millisecond,
					BackoffMax:   10 * time.Millisecond,
				},
			},
			Login: o.login, Input: s.input, Out: &report.Printer{Out: s.out},
			Err: &report.Printer{Out: s.err},
		}
		if o.password != "" {
			cfg.Credentials = map[string]string{"username": "bob", "password": o.password}
		}
		return Connect(ctx, cfg)
	})
}

func TestOverTLS(t *testing.T) {
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	_, address := serve(t, "127.0.0.1:0", "secret",
		&tls.Config{Certificates: web.TLS.Certificates, MinVersion: tls.VersionTLS12})
	require.True(t, strings.HasPrefix(address, "wss://"), address)
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	d := connect(t, address, options{
		password: "right", dir: t.TempDir(), dialer: &transport.WebSocket{TLS: &tls.Config{
			RootCAs:    roots,
			MinVersion: tls.VersionTLS12,
		}},
	})
	d.sees("connected")
	stranger := connect(t, address, options{password: "right", dir: t.TempDir()})
	require.ErrorContains(t, stranger.ends(), "log in as gw: ")
	stranger.sees("connection_failed: .*certificate.*")
}

// A server that has another secret does not take the token: a device with credentials logs in
// again, others are told to.
func TestAnotherSecret(t *testing.T) {
	dir := t.TempDir()
	s, address := serve(t, "127.0.0.1:0", "old", nil)
	u, err := url.Parse(address)
	require.NoError(t, err)
	d := connect(t, address, options{password: "right", dir: dir})
	d.sees("connected")
	require.Eventually(t, func() bool {
		files, _ := filepath.Glob(filepath.Join(dir, "*"))
		return len(files) == 1
	}, within, 5*time.Millisecond, "the token is kept")
	require.NoError(t, d.keyboard.Close(), "Ctrl-D")
	require.NoError(t, d.ends())
	require.NoError(t, s.keyboard.Close(), "Ctrl-D")
	require.NoError(t, s.ends())

	serve(t, u.Host, "new", nil)
	d = connect(t, address, options{dir: dir})
	require.ErrorContains(t, d.ends(), "the token is not taken")
	d = connect(t, address, options{password: "right", dir: dir})
	d.sees("(?s)upgrade_failed: 403.*unregistered\nconnecting\nconnected")
}

// A login that fails does not cost a device its token; a device that has one goes on.
func TestLoginBesideAToken(t *testing.T) {
	dir := t.TempDir()
	s, address := serve(t, "127.0.0.1:0", "secret", nil)
	d := connect(t, address, options{password: "right", dir: dir})
	s.sees("gw connected")
	s.types("[1, 2].")
	d.sees(`server > \[1,2\]`)
	require.Eventually(t, func() bool {
		files, _ := filepath.Glob(filepath.Join(dir, "*"))
		return len(files) == 1
	}, within, 5*time.Millisecond, "the token is kept")
	d.stop()
	require.NoError(t, d.ends())
	s.sees("gw disconnected")
	s.types("lost.")
	require.Eventually(t,
		func() bool { return strings.Contains(s.err.String(), "no device is connected") }, within,
		5*time.Millisecond)

	d = connect(t, address, options{password: "wrong", login: true, dir: dir})
	d.sees("upgrade_failed: 403.*") // before or after the token has brought it back
	d.sees("connected")
	s.sees(`gw refused: "authentication_failed"`)
}

// A port that is taken ends the server with an error and leaves nothing behind.
func TestTakenPort(t *testing.T) {
	_, address := serve(t, "127.0.0.1:0", "secret", nil)
	u, err := url.Parse(address)
	require.NoError(t, err)
	err = Serve(t.Context(), ServerConfig{
		Listen: u.Host, Username: "bob", Password: "right", Input: Input{Reader: strings.NewReader("")},
		Server: server.Config{Salt: "salt", Secrets: []string{"secret"}},
	})
	require.ErrorContains(t, err, "--listen "+u.Host)
}
