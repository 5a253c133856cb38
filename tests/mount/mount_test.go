package mount_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hublink-go/hublink/actors/fedecks"
	"github.com/hublink-go/hublink/actors/fedecks/server"
	"github.com/hublink-go/hublink/protocol/etf"
	protocol "github.com/hublink-go/hublink/protocol/fedecks"
	"github.com/hublink-go/hublink/protocol/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const path = "/fedecks/websocket"

// routers mount a server as their documentation says.
var routers = map[string]func(srv http.Handler) http.Handler{
	"net/http": func(srv http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("GET /things/{tenant}"+path, srv)
		return mux
	},
	"chi": func(srv http.Handler) http.Handler {
		r := chi.NewRouter()
		r.Use(
			middleware.RequestID,
			middleware.Recoverer,
			middleware.Compress(5),
			middleware.Timeout(time.Minute),
		)
		r.Route("/things/{tenant}", func(r chi.Router) { r.Handle(path, srv) })
		return r
	},
	"chi, mounted": func(srv http.Handler) http.Handler {
		inner := chi.NewRouter()
		inner.Get(path, srv.ServeHTTP)
		outer := chi.NewRouter()
		outer.Mount("/things/acme", inner)
		return outer
	},
	"gin": func(srv http.Handler) http.Handler {
		r := gin.New()
		r.Use(gin.Recovery(), func(c *gin.Context) { c.Next() })
		r.Group("/things/:tenant").GET(path, gin.WrapH(srv))
		return r
	},
}

// Behind every router a device logs in, terms go both ways, and a refusal is a bare 403.
func TestRouters(t *testing.T) {
	gin.SetMode(gin.TestMode)
	for name, mount := range routers {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t)
			web := httptest.NewServer(mount(srv))
			defer web.Close()
			addr := "ws" + strings.TrimPrefix(web.URL, "http") + "/things/acme" + path

			require.Equal(t, http.StatusForbidden, refusal(t, addr, "wrong").Status)
			require.Empty(t, refusal(t, addr, "wrong").Body)

			events := login(t, addr, "right")
			require.Equal(t, etf.Tuple{etf.Atom("got"), etf.OK}, <-events)
			require.NoError(t, srv.Push("dev-1", etf.Atom("down")))
			require.Equal(t, etf.Atom("down"), <-events)
		})
	}
}

func newServer(t *testing.T) *server.Server {
	srv, err := server.New(
		server.Config{Salt: "salt", Secrets: []string{"secret"}, Handler: server.Handler{
			Authenticate: func(_ context.Context, l server.Login) (bool, error) {
				word, _ := l.Credentials.Text("password")
				return word == "right", nil
			},
			HandleIn: func(_ context.Context, _ *server.Session, term etf.Term) (server.Answer, error) {
				return server.Reply(etf.Tuple{etf.Atom("got"), term}), nil
			},
		}},
	)
	require.NoError(t, err)
	require.NoError(t, srv.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, srv.Stop(context.Background())) })
	return srv
}

func header(t *testing.T, word string) http.Header {
	data, err := etf.Encode(etf.Map{
		{
			Key:   etf.Binary("fedecks-device-id"),
			Value: etf.Binary("dev-1"),
		}, {Key: etf.Binary("password"), Value: etf.Binary(word)},
	})
	require.NoError(t, err)
	return http.Header{"X-Fedecks-Auth": {base64.StdEncoding.EncodeToString(data)}}
}

func refusal(t *testing.T, addr, word string) *transport.RefusedError {
	u, err := url.Parse(addr)
	require.NoError(t, err)
	_, err = (&transport.WebSocket{}).Dial(
		t.Context(),
		transport.Request{URL: u, Header: header(t, word)},
	)
	var refused *transport.RefusedError
	require.ErrorAs(t, err, &refused)
	return refused
}

// login connects a device that sends ok, and gives the terms that come.
func login(t *testing.T, addr, word string) <-chan etf.Term {
	came, connected := make(chan etf.Term, 10), make(chan struct{}, 1)
	c, err := fedecks.New(
		fedecks.Config{
			URL:      addr,
			DeviceID: "dev-1",
			Codec:    protocol.Codec{AnyAtom: true},
			OnEvent: func(e fedecks.Event) {
				switch e.Kind {
				case fedecks.EventConnected:
					connected <- struct{}{}
				case fedecks.EventMessage:
					came <- e.Term
				}
			},
		},
	)
	require.NoError(t, err)
	require.NoError(t, c.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, c.Stop(context.Background())) })
	require.NoError(t, c.Login(map[string]string{"password": word}))
	<-connected
	require.NoError(t, c.Send(t.Context(), etf.OK))
	return came
}
