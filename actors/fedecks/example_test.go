package fedecks_test

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/hublink-go/hublink/actors/fedecks"
	"github.com/hublink-go/hublink/actors/fedecks/server"
	"github.com/hublink-go/hublink/protocol/etf"
)

// A server with a handler, and a device that logs in, sends a tuple up and gets a list down.
func Example() {
	ctx := context.Background()
	up := make(chan string, 1)
	srv, err := server.New(server.Config{
		Salt: "from the environment", Secrets: []string{"this one too"},
		Handler: server.Handler{
			Authenticate: func(_ context.Context, l server.Login) (bool, error) {
				user, _ := l.Credentials.Text("username")
				password, _ := l.Credentials.Text("password")
				return subtle.ConstantTimeCompare(
					[]byte(user+":"+password),
					[]byte("bob:bob's password"),
				) == 1, nil
			},
			ConnectionEstablished: func(_ context.Context, s *server.Session) error {
				s.Subscribe("downstream")
				return nil
			},
			HandleIn: func(_ context.Context, s *server.Session, t etf.Term) (server.Answer, error) {
				up <- fmt.Sprintf("%s: %s", s.Device(), t.(etf.Tuple)[1])
				return server.Answer{}, nil
			},
		},
	})
	if err != nil {
		panic(err)
	}
	if err := srv.Start(ctx); err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/fedecks/websocket", srv)
	web := httptest.NewServer(mux)
	defer web.Close()

	events := make(chan fedecks.Event, 10)
	c, err := fedecks.New(fedecks.Config{
		URL: strings.Replace(web.URL, "http", "ws", 1) + "/fedecks/websocket", DeviceID: "gateway-1",
		OnEvent: func(e fedecks.Event) { events <- e },
	})
	if err != nil {
		panic(err)
	}
	if err := c.Start(ctx); err != nil {
		panic(err)
	}
	if err := c.Login(map[string]string{"username": "bob", "password": "bob's password"}); err != nil {
		panic(err)
	}
	for e := range events {
		fmt.Println(e.Kind)
		if e.Kind == fedecks.EventConnected {
			break
		}
	}
	if err := c.Send(ctx, etf.Tuple{etf.OK, etf.Binary("hello")}); err != nil {
		panic(err)
	}
	fmt.Println(<-up)
	if _, err := srv.Broadcast("downstream", []string{"news"}); err != nil {
		panic(err)
	}
	fmt.Printf("%v %s\n", etf.Term(etf.Atom("message")), (<-events).Term)
	_ = c.Stop(ctx)
	_ = srv.Stop(ctx)
	// Output:
	// unregistered
	// connecting
	// connected
	// gateway-1: hello
	// message [news]
}
