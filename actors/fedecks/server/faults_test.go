package server_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/hublink-go/hublink/actors/fedecks/server"
	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/etf"
	"github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/protocol/transport"
)

// The table of the faults of the original and their tests is in the tests of actors/fedecks.

// authHeader is what a device sends that keeps to no rule.
func authHeader(t *testing.T, pairs ...any) string {
	m := etf.Map{}
	for i := 0; i < len(pairs); i += 2 {
		m = append(m, etf.Pair{Key: etf.Binary(pairs[i].(string)), Value: pairs[i+1].(etf.Term)})
	}
	data, err := etf.Encode(m)
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(data)
}

// Fault 10: a token that is no binary crashes the request and is answered with 500.
func TestTokenOfAnyTypeIsRefused(t *testing.T) {
	var log bytes.Buffer
	inVirtualTime(
		t,
		func(r *rig) { r.cfg.Logger = zerolog.New(zerolog.SyncWriter(&log)) },
		func(r *rig) {
			for i, token := range []etf.Term{
				etf.Int(1),
				etf.List{},
				etf.Nil,
				etf.Map{},
				etf.Tuple{},
				etf.Float(1), etf.Charlist("XCP."), etf.Binary(""),
			} {
				_, err := r.dial(
					authHeader(r.t, "fedecks-device-id", etf.Binary("dev-1"), "fedecks-token", token),
				)
				require.Equal(r.t, http.StatusForbidden, status(r.t, err), "%v", token)
				require.Len(r.t, r.told, i+1, "told as every refusal")
				require.ErrorIs(r.t, r.told[i].Err, fedecks.ErrToken)
				require.Equal(r.t, "dev-1", r.told[i].Device)
			}
			require.Zero(r.t, r.asked)
			require.NotContains(r.t, log.String(), "panic")
			require.NotContains(r.t, log.String(), `"level":"error"`)
		},
	)
}

// Fault 11: ids of any type and length log in; over 125 octets they cannot ping, over 266 not come
// back with their token.
func TestDeviceIDsThatCannotStay(t *testing.T) {
	inVirtualTime(t, nil, func(r *rig) {
		for name, id := range map[string]etf.Term{
			"integer": etf.Int(1), "nil": etf.Nil, "map": etf.Map{}, "charlist": etf.Charlist("dev-1"),
			"empty":      etf.Binary(""),
			"126 octets": etf.Binary(strings.Repeat("d", 126)),
			"267 octets": etf.Binary(strings.Repeat("d", 267)),
		} {
			_, err := r.dial(authHeader(r.t, "fedecks-device-id", id, "password", etf.Binary("right")))
			require.Equal(r.t, http.StatusForbidden, status(r.t, err), name)
		}
		require.Zero(r.t, r.asked)

		longest := strings.Repeat("d", 125)
		p := r.connect(longest)
		header, err := fedecks.TokenHeader(longest, p.token())
		require.NoError(r.t, err, "who is let in can come back")
		conn, err := r.dial(header)
		require.NoError(r.t, err)
		pongs := 0
		conn.(transport.Pinger).OnPong(func(payload []byte) {
			if string(payload) == longest {
				pongs++
			}
		})
		again := r.peer(conn)
		require.NoError(r.t, again.conn.(transport.Pinger).Ping([]byte(longest)))
		synctest.Wait()
		require.Equal(r.t, 1, pongs, "and ping")
	})
}

// Fault 13, on this end: neither a panic of Authenticate nor one of a callback shows what it was
// called with, nor the request's header.
func TestServerCrashReportsShowNoSecrets(t *testing.T) {
	const secret = "do not log this"
	var log bytes.Buffer
	inVirtualTime(t, func(r *rig) {
		r.cfg.Logger = zerolog.New(zerolog.SyncWriter(&log)).Level(zerolog.TraceLevel)
		r.cfg.Handler.Authenticate = func(_ context.Context, l server.Login) (bool, error) {
			switch l.Device {
			case "panic":
				panic(fmt.Sprint(l.Credentials))
			case "wrong":
				return false, nil
			}
			return true, nil
		}
		r.cfg.Handler.HandleIn = func(_ context.Context, s *server.Session, _ etf.Term) (server.Answer,
			error,
		) {
			if s.Device() == "error" {
				return server.Answer{}, errors.New("of a handler")
			}
			panic("of a handler")
		}
	}, func(r *rig) {
		for device, want := range map[string]int{"panic": 500, "wrong": 403} {
			_, err := r.dial(password(r.t, device, secret))
			require.Equal(r.t, want, status(r.t, err))
		}
		for _, device := range []string{"error", "dev-1"} {
			p := r.peer(mustDial(r, password(r.t, device, secret)))
			token := p.token()
			p.send(etf.Binary(secret))
			require.Equal(r.t, protocol.CloseInternalError, p.closed())
			require.NotContains(r.t, log.String(), token)
		}
		require.Contains(r.t, log.String(), "panicked", "there is a report")
		require.NotContains(r.t, log.String(), secret)
		require.NotContains(r.t, log.String(), base64.StdEncoding.EncodeToString([]byte(secret)))
		require.NotContains(
			r.t,
			log.String(),
			strings.Trim(fmt.Sprint([]byte(secret)), "[]"),
			"nor its octets",
		)
	})
}

func mustDial(r *rig, header string) transport.Conn {
	conn, err := r.dial(header)
	require.NoError(r.t, err)
	return conn
}

// The handler mounts on any mux: its path is the mux's, with a prefix or a pattern of its own, and
// a refusal is a bare 403.
func TestMountsAnywhere(t *testing.T) {
	srv, err := server.New(
		server.Config{Salt: "salt", Secrets: []string{"secret"}, Handler: server.Handler{
			Authenticate: func(_ context.Context, l server.Login) (bool, error) {
				word, _ := l.Credentials.Text("password")
				return word == "right", nil
			},
		}},
	)
	require.NoError(t, err)
	require.NoError(t, srv.Start(t.Context()))
	defer func() { require.NoError(t, srv.Stop(context.Background())) }()

	inner := http.NewServeMux()
	inner.Handle("GET /fedecks/websocket", srv)
	outer := http.NewServeMux()
	outer.Handle("/api/v1/", http.StripPrefix("/api/v1", inner))
	outer.Handle("/devices/{tenant}/socket", srv)
	// As a router with middleware does it: the ResponseWriter is wrapped.
	outer.HandleFunc(
		"/wrapped",
		func(w http.ResponseWriter, r *http.Request) { srv.ServeHTTP(wrapped{w}, r) },
	)
	web := httptest.NewServer(outer)
	defer web.Close()

	for path, want := range map[string]int{
		"/api/v1/fedecks/websocket": 101, "/devices/acme/socket": 101, "/wrapped": 101,
		"/fedecks/websocket": 404, "/api/v1/other": 404,
	} {
		for word, refused := range map[string]int{"right": want, "wrong": max(403, want)} {
			conn, err := (&transport.WebSocket{}).Dial(t.Context(), transport.Request{
				URL: mustParse(
					t,
					"ws"+strings.TrimPrefix(web.URL, "http")+path,
				), Header: http.Header{fedecks.HeaderAuth: {password(t, "dev"+path, word)}},
			})
			if refused == http.StatusSwitchingProtocols {
				require.NoError(t, err, path)
				require.NoError(t, conn.Close(1000, ""))
				continue
			}
			var r *transport.RefusedError
			require.ErrorAs(t, err, &r, path)
			require.Equal(t, refused, r.Status, path)
			if r.Status == http.StatusForbidden {
				require.Empty(t, r.Body)
			}
		}
	}
}

// wrapped is what middleware makes of a ResponseWriter; http.ResponseController finds the way
// through.
type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Every way to fail authentication looks the same from outside.
func TestRefusalsLookAlike(t *testing.T) {
	inVirtualTime(t, func(r *rig) { r.cfg.Limits.Rate = -1 }, func(r *rig) {
		token := r.connect("dev-1").token()
		seen := map[string][]string{}
		for name, auth := range map[string]string{
			"nothing": "", "no base64": "%%%", "no term": "AAAA",
			"wrong password": password(r.t, "dev-1", "wrong"),
			"unknown device": password(r.t, "stranger", "wrong"),
			"forged token": authHeader(r.t, "fedecks-device-id", etf.Binary("dev-1"), "fedecks-token",
				etf.Binary("XCP.x")),
			"foreign token": authHeader(r.t, "fedecks-device-id", etf.Binary("dev-2"), "fedecks-token",
				etf.Binary(token)),
		} {
			q := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
			for k, v := range map[string]string{
				"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
				"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
				fedecks.HeaderAuth:  auth,
			} {
				q.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			r.srv.ServeHTTP(w, q)
			answer := fmt.Sprint(w.Code, w.Header(), w.Body.String())
			seen[answer] = append(seen[answer], name)
		}
		require.Len(r.t, seen, 1, "%v", seen)
		require.Contains(r.t, seen, fmt.Sprint(403, http.Header{}, ""))
	})
}

// A message above the limit ends its connection with 1009, and takes no more memory than the limit.
func TestMessageAboveTheLimit(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.cfg.Limits.Message = 1000
		r.cfg.Handler.HandleIn = func(_ context.Context, _ *server.Session, term etf.Term) (server.Answer,
			error,
		) {
			return server.Reply(len(term.(etf.Binary))), nil
		}
	}, func(r *rig) {
		p := r.connect("dev-1")
		p.send(etf.Binary(make([]byte, 990)))
		require.Equal(r.t, []etf.Term{etf.Int(990)}, p.received())
		p.send(etf.Binary(make([]byte, 1001)))
		require.Equal(r.t, 1009, p.closed())
	})
}

// An Authenticate that does not return is told to, and its request is over in time.
func TestHandshakeHasALimit(t *testing.T) {
	inVirtualTime(t, func(r *rig) {
		r.cfg.Limits.Handshake = 5 * time.Second
		r.cfg.Handler.Authenticate = func(ctx context.Context, _ server.Login) (bool, error) {
			<-ctx.Done()
			return false, ctx.Err()
		}
	}, func(r *rig) {
		start := time.Now()
		_, err := r.dial(password(r.t, "dev-1", "right"))
		require.Equal(
			r.t,
			http.StatusInternalServerError,
			status(r.t, err),
			"not a verdict on the device",
		)
		require.Equal(r.t, 5*time.Second, time.Since(start))
	})
}

func mustParse(t *testing.T, text string) *url.URL {
	u, err := url.Parse(text)
	require.NoError(t, err)
	return u
}
