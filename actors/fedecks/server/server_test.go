package server_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/fedecks/server"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/etf"
	"github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/protocol/transport"
)

// rig is a server in memory, under virtual time.
type rig struct {
	t        *testing.T
	srv      *server.Server
	cfg      server.Config
	listener *transport.Listener
	serving  sync.WaitGroup

	mu    sync.Mutex
	asked int
	told  []server.SocketError
	came  []server.PresenceEvent
}

func inVirtualTime(t *testing.T, change func(r *rig), test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, listener: transport.NewListener()}
		r.cfg = server.Config{Salt: "salt", Secrets: []string{"secret"}, Handler: server.Handler{
			Authenticate: func(_ context.Context, l server.Login) (bool, error) {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.asked++
				password, _ := l.Credentials.Text("password")
				return password == "right", nil
			},
			SocketError: func(_ context.Context, e server.SocketError) {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.told = append(r.told, e)
			},
		}}
		if change != nil {
			change(r)
		}
		r.run()
		test(r)
	})
}

// run runs a server as r.cfg says until the test ends.
func (r *rig) run() {
	var err error
	r.srv, err = server.New(r.cfg)
	require.NoError(r.t, err)
	r.srv.WatchPresence(func(e server.PresenceEvent) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.came = append(r.came, server.PresenceEvent{Device: e.Device, Joined: e.Joined})
	})
	require.NoError(r.t, r.srv.Start(r.t.Context()))
	r.serving.Go(func() { _ = r.srv.ServeMemory(r.listener) })
	r.t.Cleanup(func() {
		require.NoError(r.t, r.listener.Close())
		require.NoError(r.t, r.srv.Stop(context.Background()))
		r.serving.Wait()
		require.Empty(r.t, r.srv.Presence(), "no device is left")
		require.NoError(r.t, r.srv.Stop(context.Background()), "stopping twice is fine")
		time.Sleep(2 * time.Second) // until peers have been given up
	})
}

// peer is a device as plain as can be.
type peer struct {
	t    *testing.T
	conn transport.Conn

	mu   sync.Mutex
	got  []etf.Term
	code int // of the close
}

func (r *rig) dial(header string) (transport.Conn, error) {
	d := &transport.PipeDialer{Listener: r.listener}
	u := &url.URL{Scheme: "ws", Host: "h", Path: "/fedecks/websocket"}
	return d.Dial(
		r.t.Context(),
		transport.Request{URL: u, Header: http.Header{fedecks.HeaderAuth: {header}}},
	)
}

func password(t *testing.T, device, word string) string {
	h, err := fedecks.LoginHeader(
		device,
		etf.Map{{Key: etf.Binary("password"), Value: etf.Binary(word)}},
	)
	require.NoError(t, err)
	return h
}

// connect makes a device that has said something, which is ignored.
func (r *rig) connect(device string) *peer {
	r.t.Helper()
	conn, err := r.dial(password(r.t, device, "right"))
	require.NoError(r.t, err)
	require.NoError(r.t, conn.WriteMessage(transport.Text, []byte("hello")))
	return r.peer(conn)
}

func (r *rig) peer(conn transport.Conn) *peer {
	p := &peer{t: r.t, conn: conn}
	go func() {
		for {
			_, data, err := conn.ReadMessage(nil)
			p.mu.Lock()
			if err != nil {
				var ce *transport.CloseError
				if errors.As(err, &ce) {
					p.code = ce.Code
				}
				p.mu.Unlock()
				_ = conn.Abort()
				return
			}
			term, err := fedecks.Codec{AnyAtom: true}.Decode(data)
			if err == nil {
				p.got = append(p.got, term)
			}
			p.mu.Unlock()
		}
	}()
	synctest.Wait()
	return p
}

func (p *peer) send(v etf.Term) {
	data, err := etf.Encode(v)
	require.NoError(p.t, err)
	require.NoError(p.t, p.conn.WriteMessage(transport.Binary, data))
	synctest.Wait()
}

func (p *peer) received() []etf.Term {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	got := p.got
	p.got = nil
	return got
}

func (p *peer) closed() int {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.code
}

// token asks for one.
func (p *peer) token() string {
	p.send(etf.Charlist("token_please"))
	got := p.received()
	require.Len(p.t, got, 1)
	return string(got[0].(etf.Tuple)[1].(etf.Binary))
}

func status(t *testing.T, err error) int {
	var refused *transport.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Empty(t, refused.Body, "a refusal says nothing more")
	return refused.Status
}

// Fault 1 of the original's client: it gives up when a message comes together with the answer to
// its request. So nothing is sent to a device before it has said something, or for a second.
func TestNothingComesTogetherWithTheAnswer(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.cfg.Limits.Pending = 4
		r.cfg.Handler.ConnectionEstablished = func(_ context.Context,
			s *server.Session,
		) error {
			return errors.Join(s.Push(1), s.Notify(2))
		}
		r.cfg.Handler.HandleInfo = func(_ context.Context, _ *server.Session, msg any) (server.Answer,
			error,
		) {
			return server.Reply(msg), nil
		}
	}, func(r *rig) {
		dial := func() *peer {
			conn, err := r.dial(password(r.t, "dev-1", "right"))
			require.NoError(r.t, err)
			return r.peer(conn)
		}
		asks := dial()
		require.NoError(r.t, r.srv.Push("dev-1", 3))
		require.Empty(r.t, asks.received())
		asks.send(etf.Charlist("token_please"))
		got := asks.received()
		require.Len(r.t, got, 4)
		require.Equal(
			r.t,
			[]etf.Term{etf.Int(1), etf.Int(2), etf.Int(3)},
			got[:3],
			"in order, then the token",
		)
		require.NoError(r.t, r.srv.Push("dev-1", 4))
		require.Equal(r.t, []etf.Term{etf.Int(4)}, asks.received(), "from then on at once")

		silent := dial()
		require.NoError(r.t, errors.Join(r.srv.Push("dev-1", 3), r.srv.Push("dev-1", 4)))
		require.ErrorIs(r.t, r.srv.Push("dev-1", 5), server.ErrBusy, "what waits is bounded")
		require.Empty(r.t, silent.received())
		time.Sleep(time.Second)
		require.Equal(r.t, []etf.Term{etf.Int(1), etf.Int(2), etf.Int(3), etf.Int(4)}, silent.received())

		gone := dial()
		r.srv.Disconnect("dev-1", 1000, "")
		require.Equal(
			r.t,
			[]etf.Term{etf.Int(1), etf.Int(2)},
			gone.received(),
			"what was sent before the end comes before it",
		)
		require.Equal(r.t, 1000, gone.closed())
	})
}

func TestTokensAreRenewed(t *testing.T) {
	inVirtualTime(t, func(r *rig) { r.cfg.Limits.Idle = 24 * time.Hour }, func(r *rig) {
		p := r.connect("dev-1")
		require.NotEqual(r.t, p.token(), p.token(), "a new one each time")
		time.Sleep(3 * time.Hour)
		got := p.received()
		require.Len(r.t, got, 1, "and one every three hours by itself")
		header, err := fedecks.TokenHeader("dev-1", string(got[0].(etf.Tuple)[1].(etf.Binary)))
		require.NoError(r.t, err)
		_, err = r.dial(header)
		require.NoError(r.t, err)
		require.Equal(r.t, 1, r.asked)
	})
}

func TestTokenOfAnotherDevice(t *testing.T) {
	inVirtualTime(t, nil, func(r *rig) {
		token := r.connect("dev-1").token()
		header, err := fedecks.TokenHeader("dev-2", token)
		require.NoError(r.t, err)
		_, err = r.dial(header)
		require.Equal(r.t, http.StatusForbidden, status(r.t, err))
		require.ErrorContains(r.t, r.told[0].Err, "wrong device id in token, 'dev-1'")
		require.Equal(r.t, "dev-2", r.told[0].Device)
	})
}

func TestSecondSessionOfADevice(t *testing.T) {
	inVirtualTime(t, nil, func(r *rig) {
		older := r.connect("dev-1")
		newer := r.connect("dev-1")
		require.Equal(r.t, protocol.ClosePolicy, older.closed())
		require.NoError(r.t, r.srv.Push("dev-1", 7))
		require.Equal(r.t, []etf.Term{etf.Int(7)}, newer.received())
		require.Equal(
			r.t,
			[]server.PresenceEvent{{Device: "dev-1", Joined: true}},
			r.came,
			"the device never left",
		)
	})
	inVirtualTime(t, func(r *rig) { r.cfg.Duplicates = server.RefuseNewer }, func(r *rig) {
		older := r.connect("dev-1")
		_, err := r.dial(password(r.t, "dev-1", "right"))
		require.Equal(r.t, http.StatusConflict, status(r.t, err))
		require.Zero(r.t, older.closed())
	})
	inVirtualTime(t, func(r *rig) { r.cfg.Duplicates = server.AllowBoth }, func(r *rig) {
		both := []*peer{r.connect("dev-1"), r.connect("dev-1")}
		require.NoError(r.t, r.srv.Push("dev-1", 7))
		for _, p := range both {
			require.Equal(r.t, []etf.Term{etf.Int(7)}, p.received())
		}
	})
}

func TestRevocation(t *testing.T) {
	lasting := time.Time{}
	inVirtualTime(t, func(r *rig) {
		lasting = time.Time{}
		r.cfg.ValidFrom = func(context.Context, string) (time.Time, error) { return lasting, nil }
	}, func(r *rig) {
		p, other := r.connect("dev-1"), r.connect("dev-2")
		old, err := fedecks.TokenHeader("dev-1", p.token())
		require.NoError(r.t, err)
		r.srv.Revoke("dev-1")
		require.Equal(r.t, protocol.ClosePolicy, p.closed())
		require.Zero(r.t, other.closed())
		_, err = r.dial(old)
		require.Equal(r.t, http.StatusForbidden, status(r.t, err))
		time.Sleep(time.Millisecond)
		p = r.connect("dev-1")
		fresh, err := fedecks.TokenHeader("dev-1", p.token())
		require.NoError(r.t, err)
		conn, err := r.dial(fresh)
		require.NoError(r.t, err, "tokens made later are good")
		require.NoError(r.t, conn.Abort())
		lasting = time.Now().Add(time.Second)
		_, err = r.dial(fresh)
		require.Equal(
			r.t,
			http.StatusForbidden,
			status(r.t, err),
			"what the configuration remembers counts too",
		)
	})
}

func TestTopicsAndPresence(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.cfg.Handler.ConnectionEstablished = func(_ context.Context, s *server.Session) error {
			s.Subscribe("all")
			s.Subscribe(s.Device())
			s.SetMeta(map[string]string{"model": "x"})
			return nil
		}
		r.cfg.Handler.HandleInfo = func(_ context.Context, s *server.Session, msg any) (server.Answer,
			error,
		) {
			if msg == "stop" {
				return server.Stop(), nil
			}
			return server.Reply(etf.Tuple{etf.Binary(s.Device()), etf.Binary(msg.(string))}), nil
		}
	}, func(r *rig) {
		a, b := r.connect("a"), r.connect("b")
		require.Len(r.t, r.srv.Presence(), 2)
		require.Equal(r.t, 2, r.srv.Publish("all", "hi"))
		require.Equal(r.t, []etf.Term{etf.Tuple{etf.Binary("a"), etf.Binary("hi")}}, a.received())
		require.Equal(r.t, []etf.Term{etf.Tuple{etf.Binary("b"), etf.Binary("hi")}}, b.received())
		n, err := r.srv.Broadcast("b", []int{300})
		require.NoError(r.t, err)
		require.Equal(r.t, 1, n)
		require.Equal(r.t, []etf.Term{etf.List{etf.Int(300)}}, b.received())
		require.Empty(r.t, a.received())

		online, ok := r.srv.Online("a")
		require.True(r.t, ok)
		require.Equal(r.t, map[string]string{"model": "x"}, online.Meta)
		require.NoError(r.t, r.srv.Notify("a", "stop"))
		require.Equal(r.t, protocol.CloseNormal, a.closed())
		require.ErrorIs(r.t, r.srv.Push("a", 1), server.ErrOffline)
		require.Equal(r.t, 1, r.srv.Publish("all", "again"), "who has gone has no subscriptions")
		require.Equal(
			r.t,
			[]server.PresenceEvent{{Device: "a", Joined: true}, {Device: "b", Joined: true}, {Device: "a"}},
			r.came,
		)
		require.ErrorIs(r.t, r.srv.Push("b", etf.Charlist("token_please")), fedecks.ErrReserved)
	})
}

// Devices come and go whatever those do who watch them.
func TestWatchersHurtNobody(t *testing.T) {
	inVirtualTime(t, nil, func(r *rig) {
		release := make(chan struct{})
		cancel := r.srv.WatchPresence(func(server.PresenceEvent) { <-release })
		r.srv.WatchPresence(func(server.PresenceEvent) { panic("of a watcher") })
		a, b := r.connect("a"), r.connect("b")
		require.NotEmpty(r.t, a.token())
		require.NotEmpty(r.t, b.token())
		require.Equal(r.t, 1, r.srv.Disconnect("a", 1000, ""))
		require.Equal(r.t, 1000, a.closed())
		require.Len(r.t, r.srv.Presence(), 1)
		cancel()
		close(release)
		synctest.Wait()
		require.Equal(
			r.t,
			[]server.PresenceEvent{{Device: "a", Joined: true}, {Device: "b", Joined: true}, {Device: "a"}},
			r.came,
		)
	})
}

// What waits for a device that does not read is bounded in bytes too.
func TestBytesThatWaitAreBounded(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.cfg.Limits.PendingBytes = 1 << 20
		r.cfg.Handler.HandleIn = func(ctx context.Context, _ *server.Session, _ etf.Term) (server.Answer,
			error,
		) {
			<-ctx.Done() // the connection is busy
			return server.Answer{}, nil
		}
	}, func(r *rig) {
		p := r.connect("dev-1")
		require.NoError(r.t, r.srv.Push("dev-1", make([]byte, 2<<20)), "one alone may be larger")
		require.Len(r.t, p.received(), 1)
		p.send(etf.OK)
		for range 3 {
			require.NoError(r.t, r.srv.Push("dev-1", make([]byte, 300<<10)))
		}
		require.ErrorIs(r.t, r.srv.Push("dev-1", make([]byte, 300<<10)), server.ErrBusy)
		require.NoError(r.t, r.srv.Push("dev-1", "small"), "what fits is taken")
	})
}

func TestCallbackThatFailsEndsItsConnectionOnly(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.cfg.Handler.HandleIn = func(_ context.Context, _ *server.Session, term etf.Term) (server.Answer,
			error,
		) {
			switch term {
			case etf.Int(1):
				panic("of a handler")
			case etf.Int(2):
				return server.Answer{}, errors.New("of a handler")
			}
			return server.Reply(term), nil
		}
	}, func(r *rig) {
		ok := r.connect("good")
		for _, bad := range []etf.Int{1, 2} {
			p := r.connect("bad")
			p.send(bad)
			require.Equal(r.t, protocol.CloseInternalError, p.closed())
		}
		ok.send(etf.Int(3))
		require.Equal(r.t, []etf.Term{etf.Int(3)}, ok.received())
	})
}

// A ValidFrom that panics or takes too long is a failure of the server (500), not a refusal of the
// token, and does not delay other devices.
func TestValidFromThatFails(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.cfg.Limits.Handshake = 5 * time.Second
		r.cfg.ValidFrom = func(ctx context.Context, device string) (time.Time, error) {
			if device == "slow" {
				<-ctx.Done()
				return time.Time{}, ctx.Err()
			}
			panic("of a callback")
		}
	}, func(r *rig) {
		back := func(device string) string {
			header, err := fedecks.TokenHeader(device, r.connect(device).token())
			require.NoError(r.t, err)
			return header
		}
		quick, slow := back("quick"), back("slow")
		var waits sync.WaitGroup
		waits.Go(func() {
			_, err := r.dial(slow)
			require.Equal(r.t, http.StatusInternalServerError, status(r.t, err))
		})
		synctest.Wait()
		start := time.Now()
		_, err := r.dial(quick)
		require.Equal(r.t, http.StatusInternalServerError, status(r.t, err))
		require.Zero(r.t, time.Since(start))
		waits.Wait()
	})
}

// Fault 15 of the original: credentials are judged before the request is known to be an upgrade.
func TestRequestIsJudgedBeforeCredentials(t *testing.T) {
	inVirtualTime(t, nil, func(r *rig) {
		auth := password(r.t, "dev-1", "right")
		for name, tc := range map[string]struct {
			change func(*http.Request)
			want   int
		}{
			"post":        {func(q *http.Request) { q.Method = http.MethodPost }, 400},
			"no upgrade":  {func(q *http.Request) { q.Header.Del("Upgrade") }, 400},
			"old version": {func(q *http.Request) { q.Header.Set("Sec-WebSocket-Version", "8") }, 426},
			"no key":      {func(q *http.Request) { q.Header.Del("Sec-WebSocket-Key") }, 400},
			"foreign origin": {
				func(q *http.Request) { q.Header.Set("Origin", "https://evil.example") },
				403,
			},
		} {
			q := httptest.NewRequest(http.MethodGet, "/fedecks/websocket", http.NoBody)
			q.Header.Set("Upgrade", "websocket")
			q.Header.Set("Connection", "Upgrade")
			q.Header.Set("Sec-WebSocket-Version", "13")
			q.Header.Set("Sec-WebSocket-Key", base64.StdEncoding.EncodeToString(make([]byte, 16)))
			q.Header.Set(fedecks.HeaderAuth, auth)
			tc.change(q)
			w := httptest.NewRecorder()
			r.srv.ServeHTTP(w, q)
			require.Equal(r.t, tc.want, w.Code, name)
			require.Empty(r.t, w.Body.String(), name)
		}
		require.Zero(r.t, r.asked, "Authenticate was not called")
	})
}

func TestAuthenticateThatFails(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.cfg.Handler.Authenticate = func(_ context.Context, l server.Login) (bool, error) {
			if l.Device == "panic" {
				panic(l.Credentials)
			}
			return true, errors.New("database is away")
		}
	}, func(r *rig) {
		for _, device := range []string{"panic", "error"} {
			_, err := r.dial(password(r.t, device, "right"))
			require.Equal(
				r.t,
				http.StatusInternalServerError,
				status(r.t, err),
				"not a verdict on the device",
			)
		}
		require.Empty(r.t, r.told)
	})
}

func TestRateOfAnAddress(t *testing.T) {
	inVirtualTime(t, nil, func(r *rig) {
		codes := map[int]int{}
		for range 30 {
			_, err := r.dial(password(r.t, "dev-1", "wrong"))
			codes[status(r.t, err)]++
		}
		require.Equal(r.t, map[int]int{403: 20, 429: 10}, codes)
		time.Sleep(time.Second)
		for range 10 {
			_, err := r.dial(password(r.t, "dev-1", "wrong"))
			require.Equal(r.t, 403, status(r.t, err), "ten more a second later")
		}
		_, err := r.dial(password(r.t, "dev-1", "wrong"))
		require.Equal(r.t, 429, status(r.t, err))
	})
}

func TestIdleDeviceIsClosed(t *testing.T) {
	inVirtualTime(t, nil, func(r *rig) {
		silent, alive := r.connect("silent"), r.connect("alive")
		for range 10 {
			time.Sleep(19 * time.Second)
			require.NoError(r.t, alive.conn.(transport.Pinger).Ping([]byte("alive")))
		}
		require.Equal(r.t, protocol.CloseNormal, silent.closed())
		require.Zero(r.t, alive.closed())
	})
}

func TestPingsKeepAListenerAlive(t *testing.T) {
	inVirtualTime(t, func(r *rig) { r.cfg.Limits.Ping = 20 * time.Second }, func(r *rig) {
		p := r.connect("listens") // its end answers pings and says nothing else
		time.Sleep(10 * time.Minute)
		require.Zero(r.t, p.closed())
	})
}

func TestSlowDeviceBlocksNobody(t *testing.T) {
	inVirtualTime(t, func(r *rig) { r.cfg.Limits.Pending = 4 }, func(r *rig) {
		conn, err := r.dial(password(r.t, "slow", "right"))
		require.NoError(r.t, err)
		defer conn.Abort() //nolint:errcheck // a test's end
		fast := r.connect("fast")
		synctest.Wait()
		busy := 0
		for range 20 { // beyond the buffer of the stream and the mailbox
			if errors.Is(r.srv.Push("slow", make([]byte, 60_000)), server.ErrBusy) {
				busy++
			}
			synctest.Wait()
		}
		require.Positive(r.t, busy, "the pusher is told")
		require.NoError(r.t, r.srv.Push("fast", 1))
		require.Equal(r.t, []etf.Term{etf.Int(1)}, fast.received())
		time.Sleep(time.Minute)
		_, online := r.srv.Online("slow")
		require.False(r.t, online, "and the device is given up")
	})
}

func TestStopTellsDevicesToComeBack(t *testing.T) {
	inVirtualTime(t, nil, func(r *rig) {
		p := r.connect("dev-1")
		require.NoError(r.t, r.srv.Stop(r.t.Context()))
		require.Equal(r.t, protocol.CloseServiceRestart, p.closed())
		_, err := r.dial(password(r.t, "dev-1", "right"))
		require.Equal(r.t, http.StatusServiceUnavailable, status(r.t, err))
	})
}

func TestConfigErrors(t *testing.T) {
	handler := server.Handler{
		Authenticate: func(context.Context, server.Login) (bool, error) { return true, nil },
	}
	for name, cfg := range map[string]server.Config{
		"no handler": {Salt: "s", Secrets: []string{"s"}},
		"no salt":    {Handler: handler, Secrets: []string{"s"}},
		"no secret":  {Handler: handler, Salt: "s"},
	} {
		_, err := server.New(cfg)
		require.Error(t, err, name)
	}
}

func TestRunAndDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, err := server.New(server.Config{
			Salt: "s", Secrets: []string{"s"}, Handler: server.Handler{
				Authenticate: func(context.Context, server.Login) (bool, error) { return true, nil },
			},
		})
		require.NoError(t, err)
		require.ErrorIs(t, srv.Wait(), server.ErrNotRunning)
		require.NoError(t, srv.Stop(t.Context()))
		done := srv.Done()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		require.NoError(t, srv.Run(ctx), "ended by ctx, in order")
		<-done
		require.NoError(t, srv.Wait())
	})
}
