package server_test

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	device "github.com/hublink-go/hublink/actors/fedecks"
	"github.com/hublink-go/hublink/actors/fedecks/server"
	"github.com/hublink-go/hublink/protocol/etf"
	"github.com/hublink-go/hublink/protocol/etf/erltext"
	"github.com/hublink-go/hublink/protocol/fedecks"
)

// greenhouse is an app that has a Fedecks server among its other things.
type greenhouse struct {
	link     *server.Server
	upstream chan string // what devices say
}

func newGreenhouse(salt string, secrets ...string) (*greenhouse, error) {
	g := &greenhouse{upstream: make(chan string, 10)}
	var err error
	g.link, err = server.New(server.Config{
		Salt: salt, Secrets: secrets,
		Codec: fedecks.Codec{Atoms: etf.Atoms("temperature", "opened")},
		Handler: server.Handler{
			Authenticate: g.authenticate, ConnectionEstablished: g.established,
			HandleIn: g.received, HandleInfo: g.order,
		},
	})
	return g, err
}

func (g *greenhouse) authenticate(_ context.Context, l server.Login) (bool, error) {
	password, _ := l.Credentials.Text("password")
	return subtle.ConstantTimeCompare([]byte(password), []byte("tomatoes")) == 1, nil
}

// established puts a connection on the topic that is named after its device.
func (g *greenhouse) established(_ context.Context, s *server.Session) error {
	s.Subscribe("downstream:" + s.Device())
	return nil
}

// received handles a term of a device. It answers a report of a temperature.
func (g *greenhouse) received(
	_ context.Context,
	s *server.Session,
	t etf.Term,
) (server.Answer, error) {
	g.upstream <- s.Device() + ": " + erltext.Format(t)
	if report, ok := t.(etf.Tuple); ok && len(report) == 2 && report[0] == etf.Atom("temperature") {
		return server.Reply(etf.OK), nil
	}
	return server.Answer{}, nil
}

// openWindow is an order to a device. Orders are Go values of this app until they reach the
// connection of the device.
type openWindow struct{ Window int }

// order makes a term of an order.
func (g *greenhouse) order(_ context.Context, _ *server.Session, msg any) (server.Answer, error) {
	if o, ok := msg.(openWindow); ok {
		return server.Reply(etf.Tuple{etf.Atom("open"), etf.Int(o.Window)}), nil
	}
	return server.Answer{}, nil
}

// A server in an app: mounted on the app's mux, with a topic for each device, replies, and orders
// that are published on a topic.
func Example() {
	ctx := context.Background()
	g, err := newGreenhouse("from the environment", "this one too")
	if err != nil {
		panic(err)
	}
	if err := g.link.Start(ctx); err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/fedecks/websocket", g.link)
	web := httptest.NewServer(mux)
	defer web.Close()

	messages := make(chan string, 10)
	d, err := device.New(device.Config{
		URL: strings.Replace(web.URL, "http", "ws", 1) + "/fedecks/websocket", DeviceID: "bed-7",
		Codec: fedecks.Codec{
			Atoms: etf.Atoms("open"),
		}, Queue: 10, // what is sent before the link is up waits for it
		OnEvent: func(e device.Event) {
			if e.Kind == device.EventMessage {
				messages <- erltext.Format(e.Term)
			}
		},
	})
	if err != nil {
		panic(err)
	}
	if err := d.Start(ctx); err != nil {
		panic(err)
	}
	if err := d.Login(map[string]string{"password": "tomatoes"}); err != nil {
		panic(err)
	}
	if err := d.Send(ctx, etf.Tuple{etf.Atom("temperature"), etf.Float(31.5)}); err != nil {
		panic(err)
	}
	fmt.Println(<-g.upstream)
	fmt.Println(<-messages)
	fmt.Println(g.link.Publish("downstream:bed-7", openWindow{Window: 3}), "connection")
	fmt.Println(<-messages)
	fmt.Println(g.link.Push("bed-8", "hello"))
	_ = d.Stop(ctx)
	_ = g.link.Stop(ctx)
	// Output:
	// bed-7: {temperature,31.5}
	// ok
	// 1 connection
	// {open,3}
	// push to bed-8: device is not connected
}
