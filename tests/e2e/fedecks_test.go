package e2e

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/fedecks"
	"github.com/hublink-go/hublink/actors/fedecks/server"
	"github.com/hublink-go/hublink/protocol/etf"
	protocol "github.com/hublink-go/hublink/protocol/fedecks"
)

// fedecksService is a server of Fedecks on a port of its own, which it keeps when it is started
// again.
type fedecksService struct {
	t    *testing.T
	cfg  server.Config
	addr string
	srv  *server.Server
	stop func()

	mu      sync.Mutex
	asked   int // of Authenticate
	refused []error
	heard   []etf.Term
}

func startFedecksService(t *testing.T, change func(*server.Config)) *fedecksService {
	s := &fedecksService{t: t, addr: "127.0.0.1:0"}
	s.cfg = server.Config{
		Salt: "salt", Secrets: []string{"secret"}, Limits: server.Limits{Rate: -1},
		Codec: protocol.Codec{AnyAtom: true},
		Handler: server.Handler{
			Authenticate: s.authenticate,
			HandleIn:     s.handleIn,
			SocketError:  s.socketError,
		},
	}
	if change != nil {
		change(&s.cfg)
	}
	s.start()
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *fedecksService) authenticate(_ context.Context, l server.Login) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	password, _ := l.Credentials.Text("password")
	return password == "right", nil
}

func (s *fedecksService) handleIn(
	_ context.Context,
	_ *server.Session,
	term etf.Term,
) (server.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, term)
	return server.Reply(term), nil
}

func (s *fedecksService) socketError(_ context.Context, e server.SocketError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = append(s.refused, e.Err)
}

func (s *fedecksService) start() {
	var err error
	s.srv, err = server.New(s.cfg)
	require.NoError(s.t, err)
	require.NoError(s.t, s.srv.Start(context.Background()))
	l, err := net.Listen("tcp", s.addr)
	require.NoError(s.t, err)
	s.addr = l.Addr().String()
	mux := http.NewServeMux()
	mux.Handle("/fedecks/websocket", s.srv)
	web := &http.Server{Handler: mux, ReadHeaderTimeout: patience}
	var serving sync.WaitGroup
	serving.Go(func() { _ = web.Serve(l) })
	srv := s.srv
	s.stop = sync.OnceFunc(func() {
		_ = web.Close()
		require.NoError(s.t, srv.Stop(context.Background()))
		serving.Wait()
	})
}

// restart is a new release of the service, perhaps with other secrets.
func (s *fedecksService) restart(secrets ...string) {
	s.stop()
	s.cfg.Secrets = secrets
	s.start()
}

// logins returns the number of logins with credentials.
func (s *fedecksService) logins() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *fedecksService) refusals() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// fedecksDeviceAt is the configuration of one that reaches the service at addr.
func fedecksDeviceAt(t *testing.T, addr string) fedecksConfig {
	return fedecksConfig{
		URL: "ws://" + addr + "/fedecks/websocket", ID: "gateway-1",
		TokenFile: filepath.Join(t.TempDir(), "state", "token"),
		Times: fedecks.Times{
			ConnectDelay: 10 * time.Millisecond,
			BackoffMin:   10 * time.Millisecond,
			BackoffMax:   200 * time.Millisecond,
		},
	}
}

// stored waits for a token file that the keyring of the secrets opens, and gives its contents.
func stored(t *testing.T, file string, secrets ...string) (contents []byte) {
	t.Helper()
	keys, err := protocol.NewKeyring("salt", secrets...)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		if contents, err = os.ReadFile(file); err != nil {
			return false
		}
		token, err := protocol.ReadTokenFile(contents)
		require.NoError(t, err, "no moment sees half a file")
		_, err = keys.Open(token, time.Time{})
		return err == nil
	}, patience, patience/3000, "a token of this secret is stored")
	return contents
}

func allKindsOfTerms() []etf.Term {
	return []etf.Term{
		etf.Int(0), etf.Int(255), etf.Int(-1), etf.Int(1 << 40),
		etf.Big{Int: new(big.Int).Lsh(big.NewInt(-3), 3000)},
		etf.Float(-0.5),
		etf.OK, etf.Nil, etf.True, etf.Atom("höhe"), etf.Binary(""), etf.Binary("x\x00\xff"),
		etf.Bitstring{Bytes: []byte{1, 0xa0}, Last: 3},
		etf.Charlist("charlist"),
		etf.List{},
		etf.List{etf.Int(300), etf.OK},
		etf.Improper{Elems: []etf.Term{etf.Int(1)}, Tail: etf.Int(2)},
		etf.Tuple{},
		etf.Tuple{etf.OK, etf.Binary("hello"), etf.Tuple{etf.Error}},
		etf.Map{},
		etf.Map{
			{Key: etf.Int(1), Value: etf.Nil},
			{Key: etf.Binary("k"), Value: etf.Map{{Key: etf.OK, Value: etf.List{}}}},
		},
		etf.Binary(bytes.Repeat([]byte("1M"), 1<<19)),
	}
}

// A device's life: a wrong password, the right one, messages of every kind both ways, a power cut,
// and back without credentials.
func TestFedecksLoginAndComingBack(t *testing.T) {
	s := startFedecksService(t, nil)
	cfg := fedecksDeviceAt(t, s.addr)
	d := startFedecksDevice(t, cfg)
	d.hears("unregistered")
	require.Contains(t, d.send(etf.OK).Reason, "not connected")
	d.login("wrong")
	require.Equal(t, http.StatusForbidden, d.hears("upgrade_failed").Status)
	d.hears("unregistered")
	require.NoFileExists(t, cfg.TokenFile)
	d.login("right")
	d.hears("connected")
	token := stored(t, cfg.TokenFile, "secret")
	info, err := os.Stat(cfg.TokenFile)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	for _, term := range allKindsOfTerms() {
		want, err := etf.Encode(term)
		require.NoError(t, err)
		require.Empty(t, d.send(term).Reason)
		require.True(t, bytes.Equal(want, d.hears("message").Term), "there and back: %.80v", term)
		require.NoError(t, s.srv.Push(cfg.ID, term))
		require.True(t, bytes.Equal(want, d.hears("message").Term), "pushed: %.80v", term)
	}

	d.login("wrong")
	require.Equal(t, http.StatusForbidden, d.hears("upgrade_failed").Status)
	require.Empty(t, d.send(etf.Int(7)).Reason, "the connection is still there")
	d.hears("message")
	kept, err := os.ReadFile(cfg.TokenFile)
	require.NoError(t, err)
	require.Equal(t, token, kept, "and the token")

	d.kill()
	before := s.logins()
	d = startFedecksDevice(t, cfg)
	d.hears("connection_scheduled")
	d.hears("connected")
	require.Empty(t, d.send(etf.Binary("back")).Reason)
	d.hears("message")
	require.Equal(t, before, s.logins(), "the server asked for no password")
	d.stop()
}

func TestFedecksExpiredToken(t *testing.T) {
	const life = time.Second
	s := startFedecksService(t, func(cfg *server.Config) { cfg.Life = life })
	cfg := fedecksDeviceAt(t, s.addr)
	d := startFedecksDevice(t, cfg)
	d.login("right")
	d.hears("connected")
	contents := stored(t, cfg.TokenFile, "secret")
	d.kill()
	token, err := protocol.ReadTokenFile(contents)
	require.NoError(t, err)
	keys, err := protocol.NewKeyring("salt", "secret")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := keys.Open(token, time.Now())
		return errors.Is(err, protocol.ErrTokenExpired)
	}, patience, life/20)

	d = startFedecksDevice(t, cfg)
	refusal := d.hears("upgrade_failed")
	require.Equal(t, http.StatusForbidden, refusal.Status)
	require.Contains(t, refusal.Reason, "log in again")
	d.hears("unregistered")
	require.Len(t, s.refusals(), 1, "one attempt")
	require.ErrorContains(t, s.refusals()[0], "expired")
	d.login("right")
	d.hears("connected")
	d.stop()
}

// A secret is replaced while devices are in the field: those that come by while both are listed
// take a token of the new one along, and only who did not has to log in.
func TestFedecksRotatedSecret(t *testing.T) {
	s := startFedecksService(t, nil)
	cfg := fedecksDeviceAt(t, s.addr)
	d := startFedecksDevice(t, cfg)
	d.login("right")
	d.hears("connected")
	old := stored(t, cfg.TokenFile, "secret")

	s.restart("new", "secret")
	d.hears("connection_lost")
	d.hears("connected")
	stored(t, cfg.TokenFile, "new")
	s.restart("new")
	d.hears("connection_lost")
	d.hears("connected")
	require.Equal(t, 1, s.logins())
	require.Empty(t, s.refusals())
	d.stop()

	require.NoError(t,
		os.WriteFile(cfg.TokenFile, old, 0o600)) // as if the device had slept through all that
	d = startFedecksDevice(t, cfg)
	require.Equal(t, http.StatusForbidden, d.hears("upgrade_failed").Status)
	d.hears("unregistered")
	require.Len(t, s.refusals(), 1)
	require.ErrorIs(t, s.refusals()[0], protocol.ErrToken)
	d.login("right")
	d.hears("connected")
	d.stop()
}

// What is sent while the service is away is refused, or waits as far as the device's queue goes.
func TestFedecksServerRestart(t *testing.T) {
	s := startFedecksService(t, nil)
	cfg := fedecksDeviceAt(t, s.addr)
	for _, queue := range []int{0, 3} {
		cfg.Queue = queue
		d := startFedecksDevice(t, cfg)
		if queue == 0 {
			d.login("right")
		}
		d.hears("connected")
		stored(t, cfg.TokenFile, "secret")
		s.stop()
		d.hears("connection_lost")
		s.mu.Lock()
		s.heard = nil
		s.mu.Unlock()
		for i := range 5 {
			reason := d.send(etf.Int(i)).Reason
			switch {
			case queue == 0:
				require.Contains(t, reason, "not connected")
			case i < queue:
				require.Empty(t, reason)
			default:
				require.Contains(t, reason, "too many messages wait")
			}
		}
		s.restart("secret")
		d.hears("connected")
		require.Empty(t, d.send(etf.Binary("end")).Reason)
		for {
			if bytes.Equal(d.hears("message").Term, []byte("\x83m\x00\x00\x00\x03end")) {
				break
			}
		}
		want := []etf.Term{etf.Int(0), etf.Int(1), etf.Int(2)}[:queue]
		s.mu.Lock()
		require.Equal(t, append(want, etf.Binary("end")), s.heard, "in order, none twice")
		s.mu.Unlock()
		d.stop()
	}
	require.Equal(t, 1, s.logins())
}

// A file that a power cut left half written is set aside, and the device says so and waits for a
// login.
func TestFedecksDamagedTokenFile(t *testing.T) {
	s := startFedecksService(t, nil)
	cfg := fedecksDeviceAt(t, s.addr)
	d := startFedecksDevice(t, cfg)
	d.login("right")
	d.hears("connected")
	whole := stored(t, cfg.TokenFile, "secret")
	d.kill()
	require.NoError(t, os.WriteFile(cfg.TokenFile, whole[:len(whole)/2], 0o600))
	d = startFedecksDevice(t, cfg)
	require.Contains(t, d.hears("token_trouble").Reason, cfg.TokenFile+".damaged")
	d.hears("unregistered")
	aside, err := os.ReadFile(cfg.TokenFile + ".damaged")
	require.NoError(t, err)
	require.Equal(t, whole[:len(whole)/2], aside)
	d.login("right")
	d.hears("connected")
	stored(t, cfg.TokenFile, "secret")
	d.stop()
}

// relay passes streams on until it is told to swallow what comes: those that are open then stay
// open and carry nothing any more, as with a cable that was pulled behind a switch.
type relay struct {
	l     net.Listener
	to    string
	mu    sync.Mutex
	dead  map[net.Conn]bool // true: swallows
	group sync.WaitGroup
}

func startRelay(t *testing.T, to string) *relay {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &relay{l: l, to: to, dead: map[net.Conn]bool{}}
	r.group.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			r.mu.Lock()
			r.dead[near], r.dead[far] = false, false
			r.mu.Unlock()
			r.group.Go(func() { r.pump(near, far) })
			r.group.Go(func() { r.pump(far, near) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		r.mu.Lock()
		for c := range r.dead {
			_ = c.Close()
		}
		r.mu.Unlock()
		r.group.Wait()
	})
	return r
}

func (r *relay) pump(from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		r.mu.Lock()
		dead := r.dead[from]
		r.mu.Unlock()
		switch {
		case dead && err == nil:
			continue
		case dead:
			return // the end is swallowed too
		case n > 0:
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				_ = to.Close()
			}
			return
		}
	}
}

// swallow makes the streams that are open now carry nothing any more.
func (r *relay) swallow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.dead {
		r.dead[c] = true
	}
}

func TestFedecksDeadLink(t *testing.T) {
	const ping = 2 * time.Second
	s := startFedecksService(t, nil)
	r := startRelay(t, s.addr)
	cfg := fedecksDeviceAt(t, r.l.Addr().String())
	cfg.Times.Ping, cfg.Times.Pong = ping, ping/2
	d := startFedecksDevice(t, cfg)
	d.login("right")
	d.hears("connected")
	stored(t, cfg.TokenFile, "secret")
	require.Empty(t, d.send(etf.Int(1)).Reason)
	d.hears("message")
	r.swallow()
	since := time.Now()
	d.hears("connection_lost")
	took := time.Since(since)
	require.Less(t, took, 2*ping, "two ping periods")
	t.Logf("noticed after %v", took)
	d.hears("connected")
	require.Empty(t, d.send(etf.Int(2)).Reason)
	require.Equal(t, []byte("\x83a\x02"), d.hears("message").Term,
		"the new connection carries messages")
	require.Equal(t, 1, s.logins())
	d.stop()
}
